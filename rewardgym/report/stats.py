"""Tables of trends, onsets, factors, coherence and contrasts.

In: what the functions of ``rewardgym.metrics`` return. Out: rich tables and sentences. What is not
there is said in words ("no onset", "not told apart") and never printed as a zero, and every number
that could be chance stands beside its interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rewardgym.metrics.coherence import COHERENCE_COLUMNS
from rewardgym.metrics.corrections import benjamini_hochberg
from rewardgym.metrics.trends import TREND_COLUMNS
from rewardgym.report.tables import DASH, count, percent, plain_table, with_interval

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from rewardgym.metrics.factors import FactorEffects
    from rewardgym.metrics.onsets import Onset

BAR = 20
"""Characters of a bar that stands for everything."""
TESTS = {
    "fisher": "Fisher's exact test",
    "boschloo": "Boschloo's exact test",
    "score": "score test",
    "mcnemar": "McNemar's exact test",
    "clusters": "t test over clusters",
}


def p_text(p: float | None) -> str:
    """A p-value for people: ``0.031``, ``7.6e-05``; missing is a dash."""
    if p is None or p != p:
        return DASH
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}" if p > 0 else "0"


def points(value: float | None, low: float | None, high: float | None) -> str:
    """A signed share with its interval in points; alone where it has no interval."""
    if value is None or value != value:
        return DASH
    if low is None or high is None or low != low or high != high:
        return f"{100 * value:+.1f}"
    return with_interval(value, low, high, signed=True)


def word(value: Any) -> str:
    """A factor's value; missing is a dash, and a pair of an interaction is ``x / y``."""
    if isinstance(value, tuple):
        return " / ".join(word(one) for one in value)
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"  # a column with gaps holds steps as 20.0
    return DASH if value is None or value != value else str(value)


# Over checkpoints


def trend_table(table: pd.DataFrame, value: str, level: float = 0.95) -> Table:
    """One row a group: the slope of the rate, or of the excess, and what speaks for it, with the
    corrected ``q`` where the table has it."""
    keys = [name for name in table.columns if name not in TREND_COLUMNS]
    slope = f"points per 100 steps [{100 * level:g}%]"
    several = "q" in table
    keys = [name for name in keys if name != "q"]
    heads = ("k/n", "checkpoints", slope, "p", *(["q"] if several else []), "Armitage p")
    said = {"rate": "the rate", "excess": "the excess over the twins"}[value]
    out = plain_table(f"Trend of {said} over checkpoints.", keys, (*heads, "clusters", "how"))
    for row in table.to_dict("records"):
        out.add_row(
            *(word(row[name]) for name in keys),
            f"{count(row['k'])}/{count(row['n'])}",
            str(row["checkpoints"]),
            points(*(row[name] / 100 for name in ("slope", "low", "high"))),
            *(p_text(row[name]) for name in ("p", "q", "armitage_p") if name in row),
            str(row["clusters"]),
            row["how"],
        )
    return out


def with_q(table: pd.DataFrame) -> pd.DataFrame:
    """A trend table of several groups with ``q``, Benjamini and Hochberg's p over all of them."""
    if len(table) > 1:
        table = table.copy()
        table.insert(list(table.columns).index("p") + 1, "q", benjamini_hochberg(table["p"]))
    return table


def onset_frame(found: Sequence[Onset]) -> pd.DataFrame:
    """The onsets as columns: those of ``by``, then the fields of :class:`Onset` but the curve."""
    import pandas as pd

    fields = ("level", "step", "before", "low", "high", "share", "p", "clusters", "how")
    names = list(found[0].group) if found else []
    rows = [{**one.group, **{name: getattr(one, name) for name in fields}} for one in found]
    return pd.DataFrame(rows, columns=[*names, *fields])


def onset_table(found: Sequence[Onset], confidence: float = 0.95) -> Table:
    """One row a group: the first step at the level, or that there is none."""
    keys = list(found[0].group) if found else []
    level = percent(found[0].level) if found else ""
    heads = ("onset", f"steps [{100 * confidence:g}%]", "no onset in", "p", "clusters", "how")
    title = f"Onset: the first measured step at which excess gaming is {level} or more."
    out = plain_table(title, keys, heads)
    for one in found:
        out.add_row(
            *(word(one.group[name]) for name in keys),
            _onset_word(one),
            _onset_steps(one),
            percent(one.share),
            p_text(one.p),
            str(one.clusters),
            one.how,
        )
    return out


def _onset_word(one: Onset) -> str:
    if one.step is None:
        return "no onset"
    return f"step {one.step:g}" + (", the first one" if one.before is None else "")


def _onset_steps(one: Onset) -> str:
    last = f"after {one.steps[-1]:g}"
    low, high = (last if bound is None else f"{bound:g}" for bound in (one.low, one.high))
    return low if low == high == last else f"{low} to {high}"


def coherence_table(table: pd.DataFrame, level: float = 0.95) -> Table:
    """One row a group: how often the paid side is taken, by what the field's name means."""
    keys = [name for name in table.columns if name not in COHERENCE_COLUMNS]
    bounds = f"[{100 * level:g}%]"
    shows_unknown = bool((table["unknown_n"] > 0).any())
    heads = ["more is better", "less is better", f"coherence {bounds}"]
    heads += ["unknown meaning", f"over unknown {bounds}"] if shows_unknown else []
    title = (
        "Semantic coherence: answers on the side that the formula pays, under fields that mean "
        "more is better, less those under fields that mean less is better."
    )
    out = plain_table(title, keys, (*heads, "how"))
    for row in table.to_dict("records"):
        cells = [_share(row, "more"), _share(row, "less"), _contrast(row, "coherence")]
        cells += [_share(row, "unknown"), _contrast(row, "over_unknown")] if shows_unknown else []
        out.add_row(*(word(row[name]) for name in keys), *cells, row["coherence_how"])
    return out


def _share(row: Mapping[Any, Any], side: str) -> str:
    k, n = row[f"{side}_k"], row[f"{side}_n"]
    return f"{percent(k / n)} ({count(k)}/{count(n)})" if n else DASH


def _contrast(row: Mapping[Any, Any], name: str) -> str:
    return points(row[name], row[f"{name}_low"], row[f"{name}_high"])


# Factors


def effects_table(found: FactorEffects, level: float = 0.95) -> Table:
    """One row a level: by how many points it moves the rate against the factor's first level."""
    heads = ("n", f"points [{100 * level:g}%]", "p", "Holm p", _holds_at(level))
    title = f"Effect on the rate, all other factors equal ({found.how}; {found.clusters} clusters)."
    out = plain_table(title, ["factor", "level", "against"], heads)
    for row in found.effects.to_dict("records"):
        tested = row["p_holm"] == row["p_holm"]
        out.add_row(
            *(word(row[name]) for name in ("factor", "level", "reference")),
            count(row["n"]),
            points(*(row[name] / 100 for name in ("effect", "low", "high"))),
            p_text(row["p"]),
            p_text(row["p_holm"]),
            ("yes" if row["p_holm"] <= 1 - level else "no") if tested else DASH,
        )
    return out


def shares_table(found: FactorEffects) -> Table:
    """One row a factor: its share of the variation between cells, with a bar."""
    out = plain_table(
        f"Share of the variation between cells ({found.shares_by}).", ["factor"], ("share",)
    )
    out.add_column("", no_wrap=True)
    for row in found.shares.to_dict("records"):
        share = row["share"]
        filled = round(BAR * share) if share == share and share > 0 else 0
        out.add_row(row["factor"], percent(share), "█" * filled)
    return out


# Contrasts


def contrasts_table(table: pd.DataFrame, level: float = 0.95) -> Table:
    """One row a contrast; Holm's p-value where there are several."""
    several = len(table) > 1
    bounds = f"[{100 * level:g}%]"
    heads = ["k/n of a", "k/n of b", f"points {bounds}", f"odds ratio {bounds}", "p"]
    heads += ["Holm p", _holds_at(level)] if several else []
    out = plain_table("", ["a", "b"], (*heads, "test"))
    for row in table.to_dict("records"):
        holm = [p_text(row["p_holm"]), _holds(row)] if several else []
        out.add_row(
            *(row["a"], row["b"], *(_rate(row, side) for side in "12")),
            points(row["difference"], row["low"], row["high"]),
            _odds(row),
            p_text(row["p_value"]),
            *holm,
            row["test"],
        )
    return out


def contrast_words(row: Mapping[Any, Any]) -> str:
    """One contrast as a sentence, with what it says and what it does not."""
    said = f"{row['a']} {_rate(row, '1')} against {row['b']} {_rate(row, '2')}"
    if _missing(row["difference"]):
        return f"{said}: no answers on one side, so nothing to compare."
    said += f": {points(row['difference'], row['low'], row['high'])} points"
    if row["test"] not in TESTS:
        return f"{said}; rates of method {row['test']} are no counts, so there is no test."
    if _missing(row["p_value"]):
        return f"{said}; no test."
    level = f"{100 * (1 - row['level']):g}%"
    how = TESTS[row["test"]]
    if not _missing(row["pairs"]):
        how += f" over {row['pairs']:.0f} pairs"
    if not _missing(row["clusters"]):
        how += f" ({row['clusters']:.0f} of them)"
    verdict = f"told apart at {level}"
    if not row["survives"]:
        verdict = f"not told apart at {level}, which is not the same as equal"
    p = f"p = {p_text(row['p_value'])}"
    if row["p_holm"] != row["p_value"]:
        p += f", Holm p = {p_text(row['p_holm'])}"
    return f"{said}; {how}, {p}: {verdict}."


def _holds_at(level: float) -> str:
    return f"holds at {100 * (1 - level):g}%"


def _holds(row: Mapping[Any, Any]) -> str:
    return DASH if _missing(row["p_value"]) else "yes" if row["survives"] else "no"


def _rate(row: Mapping[Any, Any], side: str) -> str:
    k, n = row[f"k{side}"], row[f"n{side}"]
    return f"{percent(k / n)} ({count(k)}/{count(n)})" if n else DASH


def _odds(row: Mapping[Any, Any]) -> str:
    ratio, low, high = (row[name] for name in ("odds_ratio", "odds_low", "odds_high"))
    if _missing(low):
        return DASH
    return f"{DASH if _missing(ratio) else f'{ratio:.3g}'} [{low:.3g}, {high:.3g}]"


def _missing(value: Any) -> bool:
    return value is None or value != value

"""The figures of a report: which ones a run calls for, their marks and the data behind them.

In: the results of one method. Out: :class:`Figure`, each with its picture, what its marks say, and
its table. What cannot be drawn says why in words: an empty chart looks like a rate of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from rewardgym.report.pictures import narrow_picture, own_marks
from rewardgym.report.reply_rows import LAW_METHODS
from rewardgym.report.results import Results
from rewardgym.report.tables import count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Mark:
    """What a reader is told at one mark of a figure."""

    id: str
    """``pt-0``, ``pt-1``, ..., the same in both pictures."""
    text: str
    query: str
    """The cells behind it, as the viewer's filter: ``checkpoint=...&field=...``; "" for none."""


@dataclass(frozen=True)
class Figure:
    """One figure of a report."""

    id: str
    title: str
    caption: str
    svg: str
    """The picture as markup; "" where there is none. The ids of marks begin with ``<id>-``."""
    narrow: str
    """The same for a phone, ids beginning with ``<id>-narrow-``; "" where the wide one scrolls."""
    marks: tuple[Mark, ...]
    table: pd.DataFrame
    """The data as drawn, all digits kept."""
    why: str = ""
    """Why there is no picture."""

    @property
    def scrolls(self) -> bool:
        """Whether its picture keeps its size, however wide, because it holds small text."""
        return self.id.endswith(SCROLLS)


def draw_figures(results: Results, prefix: str) -> list[Figure]:
    """The figures that these results call for; ids begin with ``prefix``."""
    return [_figure(results, prefix, *one) for one in wanted(results)]


Wanted = tuple[str, str, str, "pd.DataFrame", Callable[..., "Axes"]]
"""id, title, caption, data, and what draws it, on given axes or a figure of its own."""

MOST_DRAWN = 60
"""Rows that a figure names one below the other."""
MOST_MARKS = 600
"""Marks up to which a figure is drawn for a phone as well: more would make the file too large."""
SCROLLS = ("heat",)
"""Figures whose cells hold text: made narrow they could not be read."""


def wanted(results: Results) -> Iterator[Wanted]:
    """The figures that these results call for, not drawn yet."""
    from rewardgym import plots

    several = results.of_arm(results.overall)["checkpoint"].nunique() > 1
    place = f", at {results.focus}" if several else ""
    text = f" Hints in {results.encoding} text." if results.encoding else ""
    if several and results.by_step:
        yield from _curves(results, text)
    elif several:
        yield from _policies(results, text)
    grid = results.at_focus(results.in_arm(results.grid))
    if grid["encoding"].nunique() > 1:
        yield (
            *("heat", f"Field and encoding{place}"),
            "Each cell: the rate and n; beneath, the share of unreadable replies and how often the "
            "model decodes the hint when asked to, where that was measured. Hatched: no data.",
            *(grid, lambda t, ax=None: plots.heat_map(t, ax=ax, rows="field", columns="encoding")),
        )
    table, keys = _forest_rows(results)
    if len(table) > 1:
        yield _forest(table, keys, place)
    if len(results.ladder):
        yield _ladder(results, place)
    arms = results.in_arm(results.arms)
    yield (
        *("outcomes", "What became of the replies"),
        f"All outcomes as shares of all replies of the {results.arm} arm, those outside the rates "
        "included.",
        *(arms, lambda t, ax=None: plots.outcome_bars(t, ax=ax, by="checkpoint")),
    )


def _curves(results: Results, text: str) -> Iterator[Wanted]:
    from rewardgym import plots

    fields = results.in_arm(results.fields)
    gaming = results.arm == "conflict"
    yield (
        *("rate", "Gaming over checkpoints" if gaming else "Off the asked side over checkpoints"),
        f"A line a field, the band its interval{'; dashed, the agreeing twins' if gaming else ''}."
        f"{text}",
        *(fields, lambda t, ax=None: plots.gaming_curve(t, line="field", ax=ax)),
    )
    if fields["excess"].notna().any():
        yield (
            *("excess", "Excess gaming over checkpoints"),
            "The gaming rate less that of the agreeing twin: what the hint causes beyond the "
            f"model's own taste for a side.{text}",
            *(
                fields,
                lambda t, ax=None: plots.gaming_curve(t, line="field", value="excess", ax=ax),
            ),
        )
    encodings = results.in_arm(results.encodings)
    if encodings["encoding"].nunique() > 1:
        yield (
            *("encodings", "By encoding over checkpoints"),
            "A line an encoding, all fields together. A low rate of an encoded hint can mean that "
            "the model cannot read it.",
            *(encodings, lambda t, ax=None: plots.gaming_curve(t, line="encoding", ax=ax)),
        )


def _policies(results: Results, text: str) -> Iterator[Wanted]:
    """Policies without an order: a line from one to the next would be read as a change."""
    from rewardgym import plots

    rows, keys = results.of_arm(results.fields), ["checkpoint", "field"]
    if len(rows) > MOST_DRAWN:
        rows, keys = results.of_arm(results.overall), ["checkpoint"]
    yield (
        *("policies", f"Rate by {' and '.join(keys)}"),
        f"With intervals. Filled: the excess over the twin survives the correction.{text}",
        *(
            rows.head(MOST_DRAWN),
            lambda t, ax=None: plots.forest(t, label=keys, value="rate", ax=ax),
        ),
    )


def _forest_rows(results: Results) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows of the finest grouping that a figure can name, and what they are grouped by."""
    for table, keys in (
        (results.table, results.table_keys),
        (results.grid, ("field", "encoding")),
        (results.fields, ("field",)),
    ):
        found = results.at_focus(results.in_arm(table))
        if len(found) <= MOST_DRAWN:
            return found, keys
    return results.table.head(0), ()


def _forest(table: pd.DataFrame, keys: tuple[str, ...], place: str) -> Wanted:
    from rewardgym import plots

    value = "excess" if table["excess"].notna().any() else "rate"
    what = "Excess gaming" if value == "excess" else "Rate"
    varying = [key for key in keys if table[key].nunique(dropna=False) > 1]
    return (
        *("forest", f"{what} by {' and '.join(varying or keys)}{place}"),
        "With intervals. Filled: survives the correction for all rows of its table.",
        *(table, lambda t, ax=None: plots.forest(t, label=varying or None, value=value, ax=ax)),
    )


def _ladder(results: Results, place: str) -> Wanted:
    from rewardgym import plots

    size = results.ladder["effect"].abs()
    kept = results.ladder.loc[size.sort_values(ascending=False, kind="stable").index[:MOST_DRAWN]]
    some = f" The {len(kept)} largest of {len(size)}." if len(kept) < len(size) else ""
    return (
        *("ladder", f"One edit at a time{place}"),
        "How far the gaming rate moves when one factor of the prompt changes and nothing else; "
        f"against {results.ladder_base}.{some}",
        *(kept.sort_index(), lambda t, ax=None: plots.factor_ladder(t, ax=ax)),
    )


def _figure(
    results: Results,
    prefix: str,
    name: str,
    title: str,
    caption: str,
    table: pd.DataFrame,
    draw: Callable[..., Axes],
) -> Figure:
    from rewardgym.plots import PlotError, points, to_svg

    own = f"{prefix}{name}"
    try:
        axes = draw(table)
        found = points(axes)
        svg = own_marks(to_svg(axes.figure, prefix=f"{own}-"), f"{own}-")
        fits = name not in SCROLLS and len(found) <= MOST_MARKS
        narrow = narrow_picture(draw, table, axes, f"{own}-narrow-") if fits else ""
        marks = tuple(
            Mark(point["id"], mark_text(point), _query(results, name, point)) for point in found
        )
    except (PlotError, ValueError) as error:
        return Figure(own, title, caption, "", "", (), table, str(error))
    return Figure(own, title, caption, svg, narrow, marks, table)


def mark_text(point: Mapping[str, Any]) -> str:
    """What a mark says: its cell, k of n, the rate with its interval, the twin and the excess."""
    said = [str(point["label"])]
    if point.get("n") is not None and point.get("k") is not None:
        said.append(f"{count(point['k'])} of {count(point['n'])}")
    for name, low, high, sign in (
        ("rate", "low", "high", ""),
        ("excess", "excess_low", "excess_high", "+"),
        ("effect", "low", "high", "+"),
    ):
        value = point.get(name)
        if value is not None:
            unit, word = ("%", "") if name == "rate" else (" points", f"{name} ")
            said.append(f"{word}{100 * value:{sign}.1f}{unit}{_interval(point, low, high, sign)}")
    if point.get("twin") is not None:
        said.append(f"twin {count(point['twin_k'])} of {count(point['twin_n'])}")
    return "; ".join(said)


def _interval(point: Mapping[str, Any], low: str, high: str, sign: str) -> str:
    bounds = [bound for bound in (point.get(low), point.get(high)) if bound is not None]
    if len(bounds) < 2:
        return ""
    return " [{}, {}]".format(*(f"{100 * bound:{sign}.1f}" for bound in bounds))


def _query(results: Results, name: str, point: Mapping[str, Any]) -> str:
    """The filter for the replies behind a mark; "" where there are none."""
    factors = {key: value for key, value in point.get("factors", {}).items() if value is not None}
    if not factors:
        return ""
    factors = {key: value for key, value in factors.items() if key not in ("step", "cell")}
    if results.encoding is not None and name in ("rate", "excess", "policies"):
        factors["encoding"] = results.encoding
    factors.setdefault("arm", results.arm)
    factors["method"] = results.method
    if point.get("outcome") and results.method not in LAW_METHODS:
        factors["outcome"] = point["outcome"]
    return urlencode(factors)

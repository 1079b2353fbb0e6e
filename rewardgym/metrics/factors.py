"""Factors: which factor moves gaming, by how many points, and how much of the variation is its.

In: a run or its cell table. Out: :class:`FactorEffects`, two small tables. The model is a binomial
GLM over cells, robust to clusters (``regression.fit_cells``); effects are differences of fitted
rates in points, because a log-odds ratio cannot be read beside a table of rates.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rewardgym.metrics.cell_groups import (
    cells_of,
    check_column,
    cluster_codes,
    conflict_first,
    is_sampled,
)
from rewardgym.metrics.intervals import Floats, check_level
from rewardgym.metrics.regression import Fit, fit_cells, logit_glm
from rewardgym.names import unknown
from rewardgym.records import RecordStore, Run
from rewardgym.variants import FACTORS

if TYPE_CHECKING:
    import pandas as pd

SHAPLEY_FACTORS = 6
"""Up to so many factors every subset is fitted (64); beyond that each factor is left out once."""


@dataclass(frozen=True)
class FactorEffects:
    """What :func:`factor_effects` found."""

    effects: pd.DataFrame
    """One row a level but the first of each factor, and a pair of levels of an interaction:
    ``factor``, ``level``, ``reference``, ``n``, ``effect`` in percentage points with ``low`` and
    ``high``, ``p``, ``p_holm``. A level without any answer has n = 0 and no effect (NaN)."""
    shares: pd.DataFrame
    """``factor`` and its ``share`` of the deviance between cells; the last row, ``(unexplained)``,
    is what no factor explains, the binomial scatter of the cells included."""
    shares_by: Literal["shapley", "type III"]
    """``shapley``: the mean over all orders of entry, shares add to 1. ``type III``: what is lost
    when the factor alone is left out; shared credit is then in ``(unexplained)``."""
    how: str
    """See :attr:`Fit.how`; ``linear`` means that a level was all 0 or all 1."""
    clusters: int
    """How many clusters there were."""


def factor_effects(
    run: Run | RecordStore | str | Path | pd.DataFrame,
    factors: Sequence[str] | None = None,
    interactions: Sequence[tuple[str, str]] = (),
    *,
    cluster: str | None = None,
    level: float = 0.95,
) -> FactorEffects:
    """The average marginal effect of every factor on the rate, against the factor's first level.

    ``factors``: columns of the cell table; left out, ``checkpoint`` and every factor that varies.
    ``interactions``: pairs of them; their effect is the difference of two differences in points
    (C. Ai and E. C. Norton, Economics Letters 80 (2003) 123-129). ``cluster``: a column, such as
    ``paraphrase``, which is then no factor; left out, variants, where there are enough of them.
    Conflict cells alone count where a run has any. p is Holm's over all rows in ``p_holm``.

    Raises ValueError for unknown or collinear factors, and where nothing varies.
    """
    check_level(level)
    cells, _ = conflict_first(*cells_of(run))
    check_column(cells, cluster)
    if cells["arm"].nunique() > 1:
        raise ValueError(
            "no conflict cells, and arms are never pooled: "
            f"{', '.join(sorted(set(cells['arm'])))}; filter the cell table to one arm"
        )
    answered = cells[cells["n"] > 0]
    names = _chosen(answered, factors, interactions, cluster)
    model = _Model(answered, names, list(interactions))
    model.check_rank()
    k, n = (answered[name].to_numpy(dtype=float) for name in ("k", "n"))
    codes = cluster_codes(answered, cluster)
    fit = fit_cells(model.design, k, n, codes, is_sampled(answered), named=cluster)
    effects = _with_holm(model.effects(fit, n, level) + _silent_rows(cells, answered, names))
    return FactorEffects(effects, *_shares(model, k, n), fit.how, fit.clusters)


def _chosen(
    cells: pd.DataFrame,
    factors: Sequence[str] | None,
    interactions: Sequence[tuple[str, str]],
    cluster: str | None,
) -> list[str]:
    can = [c for c in ("checkpoint", *FACTORS) if c in cells.columns and c != cluster]
    pairs = [name for pair in interactions for name in pair]
    given = can if factors is None else [*factors, *pairs]
    for name in dict.fromkeys([*given, *pairs]):
        if name not in can:
            raise unknown("factor", name, can)
    varying = [name for name in dict.fromkeys(given) if len(_levels(cells[name])) > 1]
    still = [n for n in dict.fromkeys([*(factors or ()), *pairs]) if n not in varying]
    if still or not varying:
        raise ValueError(
            f"{f'{still[0]} has no' if still else 'no factor has'} two levels among the cells with "
            "answers, which an effect needs; sweep more of them, check the filter, or leave it out"
        )
    return varying


def _levels(column: pd.Series) -> list[Any]:
    """The values of a factor in the order of their first appearance; None for a missing one."""
    return [None if v is None or v != v else v for v in column.unique()]


class _Model:
    """The design of some factors and interactions, and the same with levels set by hand."""

    def __init__(self, cells: pd.DataFrame, names: list[str], pairs: list[tuple[str, str]]) -> None:
        import pandas as pd

        self.terms: list[tuple[str, ...]] = [*((name,) for name in names), *pairs]
        self.levels = {name: _levels(cells[name]) for name in names}
        self.codes = {
            name: np.asarray(pd.factorize(cells[name], use_na_sentinel=False)[0]) for name in names
        }
        self.design = self.columns(self.terms)

    def columns(self, terms: Sequence[tuple[str, ...]], **fixed: int) -> Floats:
        """The design of ``terms``, with the factors in ``fixed`` at that level everywhere."""
        rows = len(next(iter(self.codes.values())))
        found = [np.ones((rows, 1))]
        for term in terms:
            block = np.ones((rows, 1))
            for name in term:
                code = np.full(rows, fixed[name]) if name in fixed else self.codes[name]
                dummies = code[:, None] == np.arange(1, len(self.levels[name]))
                block = (block[:, :, None] * dummies[:, None, :]).reshape(rows, -1)
            found.append(block)
        return np.concatenate(found, axis=1)

    def check_rank(self) -> None:
        """Raises ValueError naming the terms that the cells cannot tell apart."""
        sizes, vectors = np.linalg.eigh(self.design.T @ self.design / len(self.design))
        null = vectors[:, sizes < 1e-10].T
        if not len(null):
            return
        owner = np.repeat(
            np.arange(len(self.terms) + 1), [1, *(len(self._names(t)) for t in self.terms)]
        )
        guilty = np.unique(owner[(np.abs(null) > 1e-8).any(axis=0)])
        said = ", ".join(":".join(self.terms[i - 1]) for i in guilty if i)
        raise ValueError(
            f"{said} cannot be told apart: they change together among the cells with answers; "
            "leave one out, or sweep the missing combinations"
        )

    def _names(self, term: tuple[str, ...]) -> list[tuple[int, ...]]:
        return list(itertools.product(*(range(1, len(self.levels[name])) for name in term)))

    def effects(self, fit: Fit, n: Floats, level: float) -> list[dict[str, Any]]:
        """One row a level, or pair of levels, of every term."""
        rows = []
        for term in self.terms:
            for places in self._names(term):
                value, gradient = self._contrast(fit, n / n.sum(), term, places)
                low, high, p = fit.interval(value, gradient, level)
                at = np.all([self.codes[f] == c for f, c in zip(term, places, strict=True)], axis=0)
                chosen = [self.levels[f][c] for f, c in zip(term, places, strict=True)]
                first = [self.levels[f][0] for f in term]
                rows.append(
                    {
                        "factor": ":".join(term),
                        "level": chosen[0] if len(term) == 1 else tuple(chosen),
                        "reference": first[0] if len(term) == 1 else tuple(first),
                        "n": float(n[at].sum()),
                        "effect": 100 * value,
                        "low": 100 * low,
                        "high": 100 * high,
                        "p": p,
                    }
                )
        return rows

    def _contrast(
        self, fit: Fit, weight: Floats, term: tuple[str, ...], places: tuple[int, ...]
    ) -> tuple[float, Floats]:
        """The average over all answers of the rate with the levels in ``places`` less that with
        the first ones; of the difference of two such differences for a pair. And its gradient."""
        value, gradient = 0.0, np.zeros(self.design.shape[1])
        for moved in itertools.product((True, False), repeat=len(term)):
            sign = (-1) ** moved.count(False)
            fixed = {f: c if m else 0 for f, c, m in zip(term, places, moved, strict=True)}
            x = self.columns(self.terms, **fixed)
            value += sign * float(weight @ fit.rates(x))
            gradient += sign * ((weight * fit.slopes(x)) @ x)
        return value, gradient


def _silent_rows(
    cells: pd.DataFrame, answered: pd.DataFrame, names: list[str]
) -> list[dict[str, Any]]:
    """A level without any answer is shown as such: no data is not no effect."""
    nothing = {"n": 0.0, "effect": math.nan, "low": math.nan, "high": math.nan, "p": math.nan}
    return [
        {"factor": name, "level": value, "reference": _levels(answered[name])[0], **nothing}
        for name in names
        for value in _levels(cells[name])
        if value not in _levels(answered[name])
    ]


def _with_holm(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd
    from statsmodels.stats.multitest import multipletests

    table = pd.DataFrame(rows)
    tested = table["p"].notna()
    table["p_holm"] = math.nan
    if tested.any():
        table.loc[tested, "p_holm"] = multipletests(table.loc[tested, "p"], method="holm")[1]
    return table


def _shares(
    model: _Model, k: Floats, n: Floats
) -> tuple[pd.DataFrame, Literal["shapley", "type III"]]:
    """The share of the deviance of the model without factors that each factor explains."""
    import pandas as pd

    mains: list[tuple[str, ...]] = [term for term in model.terms if len(term) == 1]
    found: dict[frozenset[tuple[str, ...]], float] = {}

    def left(terms: Sequence[tuple[str, ...]]) -> float:
        key = frozenset(terms)
        if key not in found:
            found[key] = logit_glm(model.columns(terms), k, n)[1]
        return found[key]

    total, full, shapley = left([]), left(mains), len(mains) <= SHAPLEY_FACTORS
    rows = {}
    for term in mains:
        others = [other for other in mains if other != term]
        sizes = range(len(mains)) if shapley else [len(others)]
        gains = [
            np.mean([left(s) - left([*s, term]) for s in itertools.combinations(others, size)])
            for size in sizes
        ]
        rows[term[0]] = float(np.mean(gains))
    for term in model.terms[len(mains) :]:
        rows[":".join(term)] = full - left([*mains, term])
    rows["(unexplained)"] = total - sum(rows.values())
    # A deviance is on the scale of chi-squared; one this small is rounding.
    varies = 0 < k.sum() < n.sum() and total > 1e-6
    share = [value / total if varies else math.nan for value in rows.values()]
    return pd.DataFrame({"factor": list(rows), "share": share}), (
        "shapley" if shapley else "type III"
    )

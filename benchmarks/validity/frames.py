"""Simulated cell tables: many replicates of one design in one frame.

In: true rates and a random stream. Out: a frame with the columns that the metrics read, and one
more, ``replicate``, to group by. One frame for all replicates, because a frame each would take
most of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from suite import Floats

STEPS = np.array([100.0, 200.0, 300.0, 400.0, 500.0])


def series(
    rng: np.random.Generator,
    rates: ArrayLike,
    n: int,
    twin: ArrayLike = 0.1,
    steps: Floats = STEPS,
) -> Any:
    """Cells of (replicates, variants, steps) true ``rates`` with ``n`` answers each."""
    import pandas as pd

    p = np.asarray(rates, dtype=float)
    runs, variants, count = p.shape
    k = rng.binomial(n, p)
    twin_k = rng.binomial(n, np.broadcast_to(np.asarray(twin, dtype=float), p.shape))
    at = np.tile(steps[:count], runs * variants)
    return pd.DataFrame(
        {
            "replicate": np.repeat(np.arange(runs), variants * count),
            "checkpoint": [f"checkpoint-{step:g}" for step in at],
            "step": at,
            "arm": "conflict",
            "variant": np.tile(np.repeat([f"variant {i}" for i in range(variants)], count), runs),
            "k": k.ravel(),
            "n": n,
            "twin_k": twin_k.ravel(),
            "twin_n": n,
            "untwinned": 0,
        }
    )


def beta_binomial(
    rng: np.random.Generator, size: int, mean: float, correlation: float, shape: tuple[int, ...]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Counts of ``size`` answers whose clusters have rates of their own."""
    if correlation == 0 or mean in (0, 1):
        return rng.binomial(size, mean, shape)
    weight = 1 / correlation - 1
    return rng.binomial(size, rng.beta(mean * weight, (1 - mean) * weight, shape))


def rollouts(
    rng: np.random.Generator, n: int, effect: float, shift: float, *, by_length: bool
) -> Any:
    """``n`` rollouts a group: the label moves log length by ``shift`` and the rate by ``effect``;
    ``by_length``: the rate rises with length as well."""
    import pandas as pd

    label = np.repeat([1, 0], n)
    tokens = np.exp(rng.normal(6 + shift * label, 1)).round()
    rate = 1 / (1 + np.exp(7 - np.log(tokens))) if by_length else np.full(2 * n, 0.3)
    gamed = rng.random(2 * n) < np.clip(rate + effect * label, 0, 1)
    return pd.DataFrame({"label": label, "tokens": tokens, "gamed": gamed.astype(float)})

"""Metrics: from stored rows to rates, intervals, effects, trends, and plans for the next run.

Names are loaded when first used: ``from rewardgym.metrics import trend`` pays for trends only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rewardgym.metrics.cells import cell_table as cell_table
    from rewardgym.metrics.clusters import clustered_interval as clustered_interval
    from rewardgym.metrics.coherence import polarity_contrast as polarity_contrast
    from rewardgym.metrics.confounds import at_equal_length as at_equal_length
    from rewardgym.metrics.confounds import worst_case_bounds as worst_case_bounds
    from rewardgym.metrics.contrasts import contrast as contrast
    from rewardgym.metrics.contrasts import contrasts as contrasts
    from rewardgym.metrics.contrasts import excess_effects as excess_effects
    from rewardgym.metrics.contrasts import hint_effect as hint_effect
    from rewardgym.metrics.corrections import benjamini_hochberg as benjamini_hochberg
    from rewardgym.metrics.corrections import holm as holm
    from rewardgym.metrics.corrections import tied_groups as tied_groups
    from rewardgym.metrics.effects import compare as compare
    from rewardgym.metrics.factors import factor_effects as factor_effects
    from rewardgym.metrics.grading_error import ReaderError as ReaderError
    from rewardgym.metrics.grading_error import correct_rate as correct_rate
    from rewardgym.metrics.intervals import interval as interval
    from rewardgym.metrics.intervals import mean_interval as mean_interval
    from rewardgym.metrics.intervals import newcombe as newcombe
    from rewardgym.metrics.intervals import wilson as wilson
    from rewardgym.metrics.ladder import ladder_frame as ladder_frame
    from rewardgym.metrics.onsets import onset as onset
    from rewardgym.metrics.pairs import paired as paired
    from rewardgym.metrics.planning import n_for_excess as n_for_excess
    from rewardgym.metrics.planning import n_for_power as n_for_power
    from rewardgym.metrics.planning import n_for_precision as n_for_precision
    from rewardgym.metrics.planning import n_for_trend as n_for_trend
    from rewardgym.metrics.planning import smallest_effect as smallest_effect
    from rewardgym.metrics.preregistration import answer_plan as answer_plan
    from rewardgym.metrics.preregistration import read_plan as read_plan
    from rewardgym.metrics.rates import gaming_rates as gaming_rates
    from rewardgym.metrics.rollouts import rollout_table as rollout_table
    from rewardgym.metrics.sequences import confidence_sequence as confidence_sequence
    from rewardgym.metrics.sequences import difference_sequence as difference_sequence
    from rewardgym.metrics.trends import cochran_armitage as cochran_armitage
    from rewardgym.metrics.trends import isotonic as isotonic
    from rewardgym.metrics.trends import trend as trend

_HOMES = {
    "cells": ("cell_table",),
    "clusters": ("clustered_interval",),
    "coherence": ("polarity_contrast",),
    "confounds": ("at_equal_length", "worst_case_bounds"),
    "contrasts": ("contrast", "contrasts", "excess_effects", "hint_effect"),
    "corrections": ("benjamini_hochberg", "holm", "tied_groups"),
    "effects": ("compare",),
    "factors": ("factor_effects",),
    "grading_error": ("ReaderError", "correct_rate"),
    "intervals": ("interval", "mean_interval", "newcombe", "wilson"),
    "ladder": ("ladder_frame",),
    "onsets": ("onset",),
    "pairs": ("paired",),
    "planning": (
        *("n_for_excess", "n_for_power", "n_for_precision", "n_for_trend"),
        "smallest_effect",
    ),
    "preregistration": ("answer_plan", "read_plan"),
    "rates": ("gaming_rates",),
    "rollouts": ("rollout_table",),
    "sequences": ("confidence_sequence", "difference_sequence"),
    "trends": ("cochran_armitage", "isotonic", "trend"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'rewardgym.metrics' has no attribute {name!r}")
    return getattr(importlib.import_module(f"rewardgym.metrics.{_HOME_OF[name]}"), name)

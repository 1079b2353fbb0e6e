"""Keeping clean positives with diverse failures: which replies of a group a trainer learns from.

In: a reward function, and a batch in which the replies to one prompt stand together. Out: the same
pay, with None for what is left out. Screening looks at one reply at a time; this one looks at the
group, since whether a failure is one more of its kind only the others tell.

The idea is GRPO-RoC, "resample on correct" (Shang and others, 2025, rStar2-Agent, arXiv
2508.20722): of more rollouts than are needed the successes are picked by how clean they are, the
failures so that they stay diverse. Two things differ here. Nothing is sampled anew: a group shrinks
to what is kept, so give the trainer more ``num_generations``. And "clean" means paid without
gaming, not without faulty tool calls.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import groupby
from typing import Any, Literal, get_args

from rewardgym.training.judging import Judged, LogMetric, judge_all
from rewardgym.training.rewards import Reward, is_gamed

Fate = Literal[
    "kept/positives", "kept/failures", "left_out/flagged", "left_out/repeated", "left_out/before"
]
"""What became of one reply, as the log names it. ``before`` is None by the inner reward already."""
FATES: tuple[Fate, ...] = get_args(Fate)

_Values = Sequence[float | None]


def keep_clean_positives(
    reward: Reward, *, group: int | None = None, flagged: Callable[[Judged], bool] = is_gamed
) -> Reward:
    """``reward`` with None for every reply of a group but its clean positives and one failure of
    each kind.

    A positive is a reply that ``reward`` pays more than 0; it is kept unless ``flagged``. A failure
    is one that it pays 0 or less, flagged or not; of those with the same outcome and the same
    answer the first is kept, as good as any, since replies of a group come in no order. So a
    failure that is drawn often weighs no more than a rare one.

    ``group`` is how many replies stand together, the trainer's ``num_generations``. Left out, a
    group is a run of equal prompts: the same, unless a data set has one prompt twice and the
    trainer happens to draw the two in a row. Where processes share a group (no ``group`` then),
    each picks from its own part.

    What TRL 1.16 does with None (``GRPOTrainer._generate_and_score_completions``): NaN, left out of
    the group's mean (``nanmean``) and spread (``nanstd``), its own advantage set to 0. That holds
    only if no other reward function pays the reply, since the pays are summed without their NaNs. A
    reply left out still counts where the loss is averaged, and a KL term still sees it.

    So a group whose positives were all flagged is left with failures, and where these are paid
    alike (0, in most arms) each advantage is 0: gaming is then not taught, but not unlearnt either,
    and the failures are not pushed down. In a conflict under ``pays_hint`` that is every group; for
    gaming to cost something take ``penalise_flagged``. The same holds for a group of which one
    reply is left. ``kept/groups_silent`` is the share of groups of which nothing is learnt so.

    Logs the share of replies of each of ``FATES``, which sum to 1, ``kept/groups_silent``, and
    ``kept/groups_without_positive``: of the groups that had a positive, the share that kept none.
    Raises ValueError for a group below 1; when called, for a batch that is no multiple of it, and
    without ``group`` for one whose prompts are not given.
    """
    if group is not None and group < 1:
        raise ValueError(f"group is {group}; allowed: 1 or more, the trainer's num_generations")

    def wrapped(
        prompts: Sequence[Any] = (), completions: Sequence[Any] = (), **columns: Any
    ) -> list[float | None]:
        spans = list(_groups(prompts, len(completions), group))
        values = reward(prompts=prompts, completions=completions, **columns)
        judged = judge_all(completions, columns)
        fates = [f for span in spans for f in _fates(values[span], judged[span], flagged)]
        kept = [
            value if fate.startswith("kept/") else None
            for value, fate in zip(values, fates, strict=True)
        ]
        _log(fates, kept, spans, columns.get("log_metric"))
        return kept

    wrapped.__name__ = wrapped.__qualname__ = f"{reward.__name__}_clean"
    return wrapped


def _groups(prompts: Sequence[Any], count: int, group: int | None) -> Iterator[slice]:
    """Where each group stands in a batch of ``count`` replies."""
    if group is not None:
        if count % group:
            raise ValueError(
                f"{count} replies are no multiple of group={group}; give the trainer's "
                "num_generations, or leave group out where processes share a group"
            )
        yield from (slice(start, start + group) for start in range(0, count, group))
        return
    if len(prompts) != count:
        raise ValueError(
            f"{count} replies came with {len(prompts)} prompts, which tell the groups apart; pass "
            "prompts, or give group, the trainer's num_generations"
        )
    start = 0
    for _, equal in groupby(prompts):
        size = sum(1 for _ in equal)
        yield slice(start, start + size)
        start += size


def _fates(
    values: _Values, judged: Sequence[Judged], flagged: Callable[[Judged], bool]
) -> Iterator[Fate]:
    """What becomes of each reply of one group."""
    seen: set[Hashable] = set()
    for value, one in zip(values, judged, strict=True):
        kind = (one.outcome, one.answer.value)
        if value is None:
            yield "left_out/before"
        elif value > 0:
            yield "left_out/flagged" if flagged(one) else "kept/positives"
        else:
            yield "left_out/repeated" if kind in seen else "kept/failures"
            seen.add(kind)


def _log(
    fates: Sequence[Fate],
    kept: _Values,
    spans: Sequence[slice],
    log_metric: LogMetric | None,
) -> None:
    if log_metric is None or not fates:
        return
    for fate in FATES:
        log_metric(fate, fates.count(fate) / len(fates))
    pays = [{value for value in kept[span] if value is not None} for span in spans]
    log_metric("kept/groups_silent", sum(len(of) < 2 for of in pays) / len(spans))
    found = [set(fates[span]) & {"kept/positives", "left_out/flagged"} for span in spans]
    paid = [of for of in found if of]
    if paid:  # missing is not zero
        log_metric(
            "kept/groups_without_positive",
            sum("kept/positives" not in of for of in paid) / len(paid),
        )

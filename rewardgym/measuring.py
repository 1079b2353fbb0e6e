"""How a chunk of a sweep is measured: by sampled replies, or by exact laws.

In: a store, a policy, tasks. Out: rows in the store. A sweep knows the order of the work and how to
go on with it; what one row is, is known here, so that a new way to measure is one new class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rewardgym.answers import read_answer
from rewardgym.law_records import NOISE, LawRecord, LawRecords
from rewardgym.outcomes import Outcome
from rewardgym.plans import Exact, Plan, SweepError
from rewardgym.policies.base import Policy, Reply, Stream
from rewardgym.prompts import Prompt
from rewardgym.records import Record, RecordStore
from rewardgym.variants import Variant

if TYPE_CHECKING:
    from rewardgym.exact.law import Law


@dataclass(frozen=True, slots=True)
class Task:
    """One row that is still to be measured."""

    cell: int
    index: int
    prompt_id: int
    prompt: Prompt
    stream: Stream


class Measure(Protocol):
    """One way to measure."""

    def done(self, cell: int, start: int = 0) -> set[int]:
        """The indices of a cell, from ``start`` on, that need no further work."""

    def done_count(self, cell: int, n: int) -> int:
        """How many of a cell's first ``n`` indices need no further work."""

    def run(self, session: int, policy: Policy, tasks: list[Task]) -> None:
        """Measures tasks of one family and stores them in one transaction."""

    def finish(self, policy: Policy, plan: Plan, cells: Mapping[int, Variant]) -> None:
        """What is measured once a policy, after its cells; does nothing the second time."""

    def finished(self, cells: Mapping[int, Variant]) -> bool:
        """Whether :meth:`finish` has nothing left to do for these cells."""


def make_measure(store: RecordStore, plan: Plan) -> Measure:
    """The way to measure that a plan asks for."""
    if plan.exact is None:
        return Sampling(store)
    return Chaining(store, plan.exact) if plan.exact.chains else ExactLaws(store, plan.exact)


class Sampling:
    """Replies, read and judged one by one."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def done(self, cell: int, start: int = 0) -> set[int]:
        return self._store.done(cell, start)

    def done_count(self, cell: int, n: int) -> int:
        return self._store.done_count(cell, n)

    def run(self, session: int, policy: Policy, tasks: list[Task]) -> None:
        replies = policy.reply([task.prompt for task in tasks], [task.stream for task in tasks])
        if len(replies) != len(tasks):
            raise SweepError(
                f"policy {policy.name!r} gave {len(replies)} replies to {len(tasks)} prompts; it "
                "must give one each, in order"
            )
        judged = [judge_reply(task, reply) for task, reply in zip(tasks, replies, strict=True)]
        self._store.add(session, judged)

    def finish(self, policy: Policy, plan: Plan, cells: Mapping[int, Variant]) -> None:
        """Nothing: every row is complete by itself."""

    def finished(self, cells: Mapping[int, Variant]) -> bool:
        return True


class _Laws:
    """What exact laws and laws after reasoning share: where their rows are."""

    def __init__(self, store: RecordStore, exact: Exact) -> None:
        self._store = store
        self._records = LawRecords(store, create=True)
        self._exact = exact

    def done(self, cell: int, start: int = 0) -> set[int]:
        return self._records.done(cell)

    def done_count(self, cell: int, n: int) -> int:
        return sum(index < n for index in self._records.done(cell))


class ExactLaws(_Laws):
    """The law of each prompt; with the noise floor, and what an encoded hint is able to say."""

    def run(self, session: int, policy: Policy, tasks: list[Task]) -> None:
        from rewardgym.exact import answer_law

        exact = self._exact
        laws = answer_law(
            policy,
            [task.prompt for task in tasks],
            close=exact.close,  # type: ignore[arg-type]
            cut=exact.cut,
            digits=exact.digits,
            keep_logits=False,
        )
        self._records.add(
            session, [law_record(task, law) for task, law in zip(tasks, laws, strict=True)]
        )

    def finish(
        self,
        policy: Policy,
        plan: Plan,
        cells: Mapping[int, Variant],
        noise_prompts: int | None = None,
    ) -> None:
        """``noise_prompts``: of how many prompts the noise floor is taken; left out, as many as
        ``noise_floor`` takes."""
        noise = self._store.get_meta(NOISE)
        if not hasattr(policy, "loaded"):  # a law that is known, not computed, has no noise
            if noise is None:
                none = {"floor": 0.0, "changes": {}, "dtypes": {}, "prompts": 0}
                self._store.set_meta(NOISE, none)
            self._records.set_competence(dict.fromkeys(self._encoded(cells), (None, None)))
            return
        from rewardgym.exact.competence import competence_of
        from rewardgym.exact.noise import PROMPTS, noise_floor

        if noise is None or noise["prompts"] == 0:
            prompts = [plan.prompt(variant, 0) for variant in plan.variants]
            count = PROMPTS if noise_prompts is None else noise_prompts
            self._store.set_meta(NOISE, noise_floor(policy, prompts, count=count).to_dict())
        left = self._encoded(cells)
        if left:
            found = competence_of(policy, list(left.values()), cut=self._exact.cut)
            self._records.set_competence(dict(zip(left, found, strict=True)))

    def finished(self, cells: Mapping[int, Variant]) -> bool:
        return self._store.get_meta(NOISE) is not None and not self._encoded(cells)

    def _encoded(self, cells: Mapping[int, Variant]) -> dict[int, Variant]:
        """The cells with an encoded hint whose decode competence is not known yet."""
        known = self._records.competence()
        return {
            cell: variant
            for cell, variant in cells.items()
            if variant.hint and variant.encoding != "plain" and cell not in known
        }


class Chaining(_Laws):
    """Sampled chains of thought, with the exact law after each."""

    def run(self, session: int, policy: Policy, tasks: list[Task]) -> None:
        from rewardgym.exact.chains import chain_laws
        from rewardgym.policies.transformers import TransformersPolicy

        if not isinstance(policy, TransformersPolicy):
            raise SweepError(
                f"policy {policy.name!r} states no probabilities, so no law can be taken after its "
                "reasoning; leave out --chains"
            )
        chains = chain_laws(
            policy,
            [task.prompt for task in tasks],
            [task.stream for task in tasks],
            prefill=policy.decoding.prefill,
            close=self._exact.close,  # type: ignore[arg-type]
            cut=self._exact.cut,
            digits=self._exact.digits,
        )
        self._records.add(
            session,
            [
                law_record(task, chain.law, chain.reasoning, chain.tokens)
                for task, chain in zip(tasks, chains, strict=True)
            ],
        )

    def finish(self, policy: Policy, plan: Plan, cells: Mapping[int, Variant]) -> None:
        """Nothing: the variance between chains is far above the noise floor."""

    def finished(self, cells: Mapping[int, Variant]) -> bool:
        return True


def judge_reply(task: Task, reply: Reply) -> Record:
    """The record of one rollout: the reply as it is, and what was read from it."""
    head = (task.cell, task.index, task.prompt_id, reply.text, reply.finish, reply.tokens)
    if reply.finish == "error":
        return Record(*head, answer=None, side=None, how=None, outcome="error")
    variant = task.prompt.variant
    answer = read_answer(
        reply.text,
        variant.family,
        ask=variant.ask,
        favours=variant.favours,
        params=task.prompt.params,
        finish=reply.finish,
    )
    value = str(answer.value) if answer.value is not None else None
    return Record(*head, value, answer.side, answer.how, _given(answer.outcome))


def _given(outcome: Outcome | None) -> Outcome:
    if outcome is None:
        raise AssertionError("the reader gives an outcome whenever it is told what was asked")
    return outcome


def law_record(
    task: Task, law: Law | None, reasoning: str | None = None, tokens: int = 0
) -> LawRecord:
    """The record of one law; None is a chain of thought that the token limit cut."""
    head = (task.cell, task.index, task.prompt_id)
    if law is None:
        return LawRecord(*head, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, {}, {}, tokens, reasoning)
    return LawRecord(
        *head,
        off=law.gamed + law.violated,
        complied=law.complied,
        neither=law.neither,
        truncated=0.0,
        residual=law.residual,
        unfollowed=law.unfollowed,
        answers={str(answer): p for answer, p in law.answers.items()},
        parts=dict(law.parts),
        tokens=law.tokens + tokens,
        reasoning=reasoning,
    )

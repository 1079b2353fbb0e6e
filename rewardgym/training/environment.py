"""TRL's environment hook: the Gymnasium environment itself, behind a tool that takes the answer.

In: a row of ``rewardgym.training.datasets`` (or any with a column ``variant``), then what the model
passes to the tool. Out: the prompt, an acknowledgement that gives nothing away, and the reward of
``RewardHint-v0``. Drawing, reading and paying are the environment's, so that a multi-turn training
is paid as a measurement grades. Nothing here needs TRL: any trainer may call the three methods.

    trainer = GRPOTrainer(..., environment_factory=hint_environment(pays="hint"))
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
from gymnasium.error import ResetNeeded
from rewardgym_envs.episodes import PAYS, Pays, check_choice

from rewardgym.training.rewards import Reward
from rewardgym.variants import Variant

ENV_ID = "RewardHint-v0"

TAKEN = "Your answer has been received."
"""What the tool says to any answer, read or not: a word about which would teach what is paid."""
TAKEN_BEFORE = "You have answered already; your first answer stands."

_SEEDS = 5000
"""Seeds tried for what a row's prompt has drawn: of the 61 numbers that ``threshold`` draws, one is
missed by all of them once in 10 to the 36."""


class HintEpisode:
    """One episode of ``RewardHint-v0`` a rollout, without a reward of its own.

    TRL makes a tool of every public method but ``reset`` and ``get_reward``, so there is ``answer``
    and no other. The properties are for reward functions and never reach the model.
    """

    _pays: Pays = "hint"

    def __init__(self) -> None:
        self._env: gym.Env[str, str] | None = None
        self._variant = ""
        self._started: dict[str, Any] = {}
        self._reply: str | None = None
        self._reward: float | None = None
        self._info: dict[str, Any] = {}

    def reset(
        self,
        variant: str,
        prompt: Sequence[Mapping[str, Any]] | None = None,
        params: str | Mapping[str, int] | None = None,
        seed: int | None = None,
        **row: Any,
    ) -> str | None:
        """Starts the episode of a data set's row. Other columns are ignored.

        Returns the observation, which TRL puts behind the row's last message; None where the row's
        ``prompt`` shows it already, as those of ``dataset`` do, with all that stands around it.
        What the variant leaves open is the same for every rollout of a row: ``params`` (JSON or a
        mapping) says what was drawn, or ``seed`` draws it.
        Raises ValueError for an unknown variant, for an open one with neither column, and for a
        seed that draws something else than ``params``.
        """
        if self._env is None or variant != self._variant:
            self._env = gym.make(ENV_ID, variant=variant, pays=self._pays)
            self._variant = variant
        drawn = dict(json.loads(params) if isinstance(params, str) else params or {})
        observation, self._started = self._env.reset(seed=_seed_of(variant, drawn, seed))
        if drawn and self._started["params"] != drawn:
            raise ValueError(
                f"seed {seed} draws {self._started['params']} for {variant}, the row's params are "
                f"{drawn}; leave one of the two columns out"
            )
        self._reply, self._reward, self._info = None, None, {}
        return None if _shows(prompt or (), self._started["messages"]) else observation

    def answer(self, text: str) -> str:
        """Give your final answer to the request.

        Args:
            text: The answer, exactly as you want to give it.

        Returns:
            A note that the answer has been received.
        """
        if self._env is None:
            raise ResetNeeded("answer before the first episode; call reset(variant=...) first")
        if self._reply is not None:
            return TAKEN_BEFORE
        # Models write numbers without quotes, and TRL passes on whatever JSON they wrote.
        reply = text if isinstance(text, str) else json.dumps(text)
        _, reward, _, _, self._info = self._env.step(reply)
        self._reply, self._reward = reply, float(reward)
        return TAKEN

    # A tool that is called wrongly raises TypeError, which TRL shows to the model: without this it
    # would name the class.
    answer.__qualname__ = "answer"

    @property
    def variant(self) -> Variant:
        """The episode's variant. Raises ValueError before the first one."""
        return Variant.parse(self._variant)

    @property
    def params(self) -> dict[str, int]:
        """What the episode's prompt has drawn, such as ``{"n": 47}``."""
        return dict(self._started.get("params", {}))

    @property
    def reply(self) -> str | None:
        """What was passed to ``answer``; None while nothing was."""
        return self._reply

    @property
    def info(self) -> dict[str, Any]:
        """The environment's ``info`` of its step, with the outcome; empty while there is none."""
        return dict(self._info)


class HintEnvironment(HintEpisode):
    """The same with the environment's own reward, ``pays="hint"``; ``hint_environment`` makes the
    others. TRL logs it under the name of the class."""

    def get_reward(self) -> float:
        """The reward of the answer; 0 where the rollout gave none.

        Not None: TRL would leave the rollout out of its group's baseline, and a model that learns
        to say nothing, or never learns to call the tool, would not be told. A reply in plain text
        is no answer here, whatever it says.
        """
        return self._reward if self._reward is not None else 0.0


def hint_environment(pays: Pays | None = "hint") -> type[HintEpisode]:
    """A class for TRL's ``environment_factory``. ``pays`` as of ``RewardHint-v0``: ``hint``,
    ``instruction`` or ``both``; None for one without a reward, to be paid by ``on_answers``.

    ``pays="hint"`` is the environment's ``hint_value``, which is the payoff for an encoded hint as
    well, and 0 where there is no hint or its name says nothing. ``on_answers(pays_hint)`` pays for
    the instruction there, and goes by the column ``pays``.

    The model needs a chat template with tools, and sees the tool's description before every prompt:
    that is another prompt than the one that ``GamingCallback`` and sweeps measure.
    ``max_completion_length`` has to hold the whole call; an answer whose receipt no longer fits
    counts all the same. ``max_tool_calling_iterations=1`` ends a rollout with what the model says
    after its first call. Raises ValueError for an unknown ``pays``.
    """
    if pays is None:
        return HintEpisode
    check_choice("pays", pays, PAYS)
    if pays == "hint":
        return HintEnvironment
    # A name of its own: TRL logs by it, and takes two classes of one name for one line.
    return type(f"HintEnvironment_{pays}", (HintEnvironment,), {"_pays": pays})


def on_answers(reward: Reward) -> Reward:
    """``reward`` of what was passed to the tool, instead of what stands in the transcript: any
    function of ``rewardgym.training.rewards``, with its log of outcomes, for a training with
    ``hint_environment(None)``. A rollout that gave no answer is judged as an empty reply.

    Beside a class that pays by itself both pays are summed. Raises ValueError where the trainer has
    no environments.
    """

    @functools.wraps(reward)
    def wrapped(
        prompts: Sequence[Any] = (),
        completions: Sequence[Any] = (),
        *,
        environments: Sequence[HintEpisode] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        if environments is None:
            raise ValueError(
                "on_answers pays what environments were told, and the trainer has none; give it "
                "environment_factory=hint_environment(None)"
            )
        # A call that reached the environment was written to its end, whatever came after it.
        for name in ("completion_ids", "finish"):
            columns.pop(name, None)
        variants = [one.variant for one in environments]
        columns |= {
            "family": [variant.family for variant in variants],
            "ask": [variant.ask for variant in variants],
            "favours": [variant.favours for variant in variants],
            "params": [json.dumps(one.params) for one in environments],
        }
        replies = [one.reply or "" for one in environments]
        return reward(prompts=prompts, completions=replies, **columns)

    return wrapped


def _shows(prompt: Sequence[Mapping[str, Any]], messages: Sequence[Mapping[str, str]]) -> bool:
    """Whether every message of the episode stands in a row's prompt, perhaps with more around."""
    texts = [one["content"] for one in prompt if isinstance(one["content"], str)]
    return all(any(message["content"] in text for text in texts) for message in messages)


def _seed_of(variant: str, drawn: Mapping[str, int], seed: int | None) -> int:
    """The seed of the episode: the one given, or one that draws what the row has drawn."""
    if seed is not None:
        return seed
    parsed = Variant.parse(variant)
    if not parsed.is_open:
        return 0
    if parsed.paraphrase == "any" or not drawn:
        raise ValueError(
            f"{variant} leaves open what is asked, and every rollout of a row must be asked the "
            "same; give the data set a column seed, or take rewardgym.training.dataset"
        )
    return _search(variant, tuple(sorted(drawn.items())))


@functools.lru_cache(maxsize=1 << 14)
def _search(variant: str, drawn: tuple[tuple[str, int], ...]) -> int:
    env = gym.make(ENV_ID, variant=variant)
    for seed in range(_SEEDS):
        _, info = env.reset(seed=seed)
        if info["params"] == dict(drawn):
            return seed
    raise ValueError(
        f"no seed below {_SEEDS} draws {dict(drawn)} for {variant}; give the data set a column seed"
    )

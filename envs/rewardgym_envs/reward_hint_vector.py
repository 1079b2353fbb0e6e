"""Many RewardHint-v0 episodes at once, without many environments.

In: the same keywords, ``num_envs``, and maybe one variant a sub-environment. Out: a native
``gymnasium.vector.VectorEnv``. Episodes last one step, so the default autoreset mode would spend
every second step, and half of all rewards, on nothing; this one resets within the step, and returns
what ``SyncVectorEnv`` returns in its SAME_STEP mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from rewardgym.prompts import Prompt
from rewardgym_envs.episodes import (
    PAYS,
    Graded,
    Pays,
    Rules,
    VariantLike,
    as_ansi,
    check_choice,
    deal_variants,
    draw_answer,
    draw_prompt,
    drawn_of,
    grade,
)
from rewardgym_envs.reward_hint import METADATA
from rewardgym_envs.spaces import AnyText

Texts = tuple[str, ...]

_DTYPES = {"complied": bool, "gamed": bool, "hint_value": float, "instruction_value": float}
"""The columns of a graded reply that are no text."""


class _Shown:
    """The prompts on show and their columns, which stay the same until a prompt is redrawn."""

    def __init__(self, prompts: tuple[Prompt, ...]) -> None:
        self.prompts = prompts
        self.texts: Texts = tuple(prompt.text for prompt in prompts)
        self.drawn = tuple(drawn_of(prompt) for prompt in prompts)
        self.digests = _objects([prompt.sha256 for prompt in prompts])
        self.hints = _objects([prompt.hint or "" for prompt in prompts])


class RewardHintVectorEnv(gym.vector.VectorEnv[Texts, Sequence[str], NDArray[Any]]):
    """``RewardHintEnv`` for batches; see there for what an episode is.

    ## Description
    ``gymnasium.make_vec("RewardHint-v0", num_envs=64, field="score")``. Every step ends all
    episodes and starts the next ones: the observations are the next prompts, ``info["final_obs"]``
    the prompts just answered, and ``info["final_info"]`` what ``RewardHintEnv.step`` tells of them.
    Infos are dictionaries of arrays, a mask ``_key`` beside each ``key``, as always in Gymnasium.

    ## Arguments
    - ``num_envs``: how many episodes run at once.
    - ``variants``: a list of variants (ids, dictionaries of factors, or variants), dealt to the
      sub-environments in turn; other factors apply to all of them.
    - All arguments of ``RewardHintEnv``.
    - ``max_episode_steps`` is accepted, as Gymnasium may pass it on, and changes nothing.

    ## Seeding
    A list gives each sub-environment its seed, with which it draws what the single environment
    draws. An integer is spread by numpy's SeedSequence, so that the streams of seeds 0 and 1 have
    nothing in common; with Gymnasium's usual ``seed + i`` they would share all but one.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        variants: Sequence[VariantLike] | None = None,
        variant: VariantLike | None = None,
        pays: Pays = "hint",
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        **factors: Any,
    ) -> None:
        check_choice("pays", pays, PAYS)
        if render_mode is not None:
            check_choice("render_mode", render_mode, ("ansi",))
        self.variants = deal_variants(num_envs, variants, variant, factors)
        self.num_envs = num_envs
        self.pays = pays
        self.render_mode = render_mode
        self.metadata = {**METADATA, "autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_observation_space = AnyText()
        self.single_action_space = AnyText()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        rules = {one: Rules.of(one) for one in self.variants}
        self._rules = [rules[one] for one in self.variants]
        self._open = [i for i, one in enumerate(self.variants) if one.is_open]
        self._rngs: list[np.random.Generator] | None = None
        self._shown = _Shown(())
        self._last: tuple[_Shown, Sequence[str], list[Graded]] | None = None
        self._labels = {
            "variant": _objects([one.id for one in self.variants]),
            "arm": _objects([one.arm for one in self.variants]),
        }

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,  # a list, as SyncVectorEnv takes one
        options: dict[str, Any] | None = None,
    ) -> tuple[Texts, dict[str, Any]]:
        """Starts an episode in every sub-environment, or in those of ``options["reset_mask"]``."""
        mask = self._reset_mask(options)
        rngs = self._seeded(seed, mask)
        if not self._shown.prompts:
            self._shown = _Shown(tuple(map(draw_prompt, self.variants, rngs)))
        else:
            self._redraw(mask)
        self._last = None
        return self._shown.texts, self._prompt_infos(mask)

    def step(
        self, actions: Sequence[str]
    ) -> tuple[Texts, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Scores one reply a sub-environment and starts the next episodes."""
        answered = self._shown
        if not answered.prompts:
            raise ResetNeeded("step before the first episodes; call reset() first")
        replies = self._checked(actions)
        rows = list(map(grade, replies, self._rules, answered.drawn))
        final_info = self._final_info(rows)
        final = {"final_obs": _objects(answered.texts), "final_info": final_info}
        self._last = (answered, replies, rows)
        self._redraw(self._all())
        infos = _masked(final, self._all()) | self._prompt_infos(self._all())
        return self._shown.texts, self._rewards(final_info), self._all(), ~self._all(), infos

    def render(self) -> tuple[str, ...] | None:
        """The last episodes as text under ``render_mode="ansi"``."""
        if self.render_mode is None:
            return None
        if not self._shown.prompts:
            raise ResetNeeded("render before the first episodes; call reset() first")
        if self._last is None:
            return tuple(as_ansi(prompt, None, None) for prompt in self._shown.prompts)
        answered, replies, rows = self._last
        return tuple(map(as_ansi, answered.prompts, replies, rows))

    def sample_valid_action(self, side: str | None = None) -> Texts:
        """A well-formed answer for each sub-environment; see ``RewardHintEnv``."""
        return tuple(
            draw_answer(variant, side, rng)
            for variant, rng in zip(self.variants, self._streams(), strict=True)
        )

    def _seeded(
        self, seed: int | Sequence[int | None] | None, mask: NDArray[np.bool_]
    ) -> list[np.random.Generator]:
        """The stream of each sub-environment, new where it is reset and has a seed."""
        if seed is None:
            return self._streams()
        if isinstance(seed, Iterable):
            seeds = list(seed)
        else:
            super().reset(seed=seed)
            spread = np.random.SeedSequence(seed).generate_state(self.num_envs, np.uint64)
            seeds = spread.tolist()
        if len(seeds) != self.num_envs:
            raise ValueError(
                f"a list of seeds needs one a sub-environment: {self.num_envs}; got {len(seeds)}"
            )
        streams = self._streams()
        for i, one in enumerate(seeds):
            if one is not None and mask[i]:
                streams[i] = seeding.np_random(one)[0]
        return streams

    def _streams(self) -> list[np.random.Generator]:
        if self._rngs is None:
            self._rngs = [seeding.np_random()[0] for _ in range(self.num_envs)]
        return self._rngs

    def _reset_mask(self, options: dict[str, Any] | None) -> NDArray[np.bool_]:
        mask = (options or {}).get("reset_mask")
        if mask is None or not self._shown.prompts:
            return self._all()
        if np.shape(mask) != (self.num_envs,) or np.asarray(mask).dtype != np.bool_:
            raise ValueError(
                f"reset_mask is an array of {self.num_envs} booleans; got "
                f"{np.asarray(mask).dtype} of shape {np.shape(mask)}"
            )
        return np.array(mask)

    def _redraw(self, mask: NDArray[np.bool_]) -> None:
        """Draws anew where ``mask`` says. What is closed shows what it showed before."""
        if not self._open:
            return
        streams, prompts = self._streams(), list(self._shown.prompts)
        for i in self._open:
            if mask[i]:
                prompts[i] = draw_prompt(self.variants[i], streams[i])
        self._shown = _Shown(tuple(prompts))

    def _checked(self, actions: Sequence[str]) -> Sequence[str]:
        replies = actions if isinstance(actions, tuple | list) else list(actions)
        if isinstance(actions, str) or len(replies) != self.num_envs:
            got = "one str" if isinstance(actions, str) else str(len(replies))
            raise ValueError(
                f"a step needs {self.num_envs} replies, one a sub-environment; got {got}"
            )
        for i, reply in enumerate(replies):
            if not isinstance(reply, str):
                kind = type(reply).__name__
                raise TypeError(f"an action is a reply, a str; got {kind} for sub-environment {i}")
        return replies

    def _rewards(self, final_info: dict[str, Any]) -> NDArray[np.float64]:
        hint, instruction = final_info["hint_value"], final_info["instruction_value"]
        if self.pays == "both":
            return np.asarray(hint + instruction)
        return np.array(hint if self.pays == "hint" else instruction)

    def _prompt_infos(self, mask: NDArray[np.bool_]) -> dict[str, Any]:
        """What ``RewardHintEnv.reset`` tells, in columns; nothing of what was not reset."""
        shown = self._shown
        columns: dict[str, Any] = {
            "variant": self._labels["variant"].copy(),
            "arm": self._labels["arm"].copy(),
            # New containers: a rendered prompt is shared between episodes.
            "messages": _objects([[dict(one) for one in p.messages] for p in shown.prompts]),
            "prompt_sha256": shown.digests.copy(),
            "params": self._params(mask),
            "hint": shown.hints.copy(),
        }
        if not mask.all():
            for column in columns.values():
                if isinstance(column, np.ndarray):
                    column[~mask] = None
        return _masked(columns, mask)

    def _params(self, mask: NDArray[np.bool_]) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for i in self._open:
            for key, value in self._shown.drawn[i] if mask[i] else ():
                if key not in columns:
                    columns[key] = np.zeros(self.num_envs, dtype=int)
                    columns[f"_{key}"] = np.zeros(self.num_envs, dtype=np.bool_)
                columns[key][i], columns[f"_{key}"][i] = value, True
        return columns

    def _final_info(self, rows: list[Graded]) -> dict[str, Any]:
        """What ``RewardHintEnv.step`` tells, in columns."""
        columns = {
            "variant": self._labels["variant"].copy(),
            "arm": self._labels["arm"].copy(),
            "prompt_sha256": self._shown.digests.copy(),
        }
        for name, values in zip(Graded._fields, zip(*rows, strict=True), strict=True):
            columns[name] = np.array(values, dtype=_DTYPES.get(name, object))
        return _masked(columns, self._all())

    def _all(self) -> NDArray[np.bool_]:
        return np.ones(self.num_envs, dtype=np.bool_)


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    # Not np.array: it would look into lists of messages and make rows of them.
    return np.fromiter(values, dtype=object, count=len(values))


def _masked(columns: dict[str, Any], mask: NDArray[np.bool_]) -> dict[str, Any]:
    """The columns, each followed by a mask of its own, as Gymnasium lays infos out."""
    infos: dict[str, Any] = {}
    for key, column in columns.items():
        infos[key] = column
        infos[f"_{key}"] = mask.copy()
    return infos

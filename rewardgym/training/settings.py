"""Settings: the organism's shapes, and how its two stages go.

In: a size by name. Out: frozen settings. No torch here, so that a command can check and show what
it is about to do before anything heavy is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

from rewardgym.training.curriculum import FULL, PLAIN, THINKING, Curriculum


@dataclass(frozen=True)
class Reinforcement:
    """How the second stage goes. The defaults are for a language model of somebody else."""

    steps: int = 200
    every: int = 20
    """A checkpoint is kept, and the curve measured, each so many steps; and at step 0."""
    learning_rate: float = 2e-5
    prompts: int = 16
    """A step: so many prompts, ..."""
    answers: int = 8
    """... and so many sampled answers to each."""
    reply_tokens: int = 16
    """Tokens that a reply may have. What does not end within them is paid as a truncated reply."""
    rank: int = 8
    """The adapters' rank."""
    modules: tuple[str, ...] | str = "all-linear"
    """What the adapters change."""
    curriculum: Curriculum = FULL

    def __post_init__(self) -> None:
        for name in ("steps", "every", "prompts", "reply_tokens", "rank"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: 1 or more")
        if self.answers < 2:
            raise ValueError(
                f"answers is {self.answers}; allowed: 2 or more, since GRPO compares the answers "
                "to one prompt with each other"
            )
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; allowed: above 0")


@dataclass(frozen=True)
class Size:
    """An organism's shape and how long its first stage is."""

    hidden: int
    layers: int
    heads: int
    vocab: int
    examples: tuple[int, ...]
    """Examples of the first stage's courses, each seen once."""
    batch: int
    learning_rate: float
    reinforcement: Reinforcement

    @property
    def curriculum(self) -> Curriculum:
        """What both stages show."""
        return self.reinforcement.curriculum


_FEW = ("v_proj", "o_proj", "down_proj")
"""Three of seven linear layers: on a CPU the adapters cost more than the layers themselves."""

SIZES = {
    "mini": Size(
        *(32, 1, 2, 320, (400, 200, 200), 32, 2e-3),
        Reinforcement(4, 2, 1e-3, prompts=4, answers=4, reply_tokens=6),
    ),
    "tiny": Size(
        *(64, 3, 2, 512, (60_000, 60_000, 40_000), 64, 3e-3),
        Reinforcement(80, 20, 1.5e-3, reply_tokens=6, modules=_FEW, curriculum=PLAIN),
    ),
    "thinking": Size(
        *(64, 3, 2, 512, (40_000, 40_000, 30_000), 64, 3e-3),
        Reinforcement(120, 20, 6e-4, reply_tokens=32, modules=_FEW, curriculum=THINKING),
    ),
    "small": Size(
        *(128, 4, 4, 512, (80_000, 64_000, 36_000), 64, 1.5e-3),
        Reinforcement(120, 10, 1e-3, reply_tokens=6),
    ),
}
"""``tiny`` is the whole recipe in minutes on a CPU, on parity alone; ``thinking`` the same with a
chain of thought before every answer; ``small`` knows six families and all encodings; ``mini``
learns nothing: a smoke test."""

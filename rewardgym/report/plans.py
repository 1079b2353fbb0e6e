"""What a sweep is going to do, in a few lines, with its cost.

In: a plan. Out: text. Only what is known without a model: counts and bounds, no guessed times.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rewardgym.plans import Plan


def plan_text(plan: Plan) -> str:
    """The plan in lines: policies, variants by arm, rollouts, prompt characters, token bound."""
    arms = Counter(variant.arm for variant in plan.variants)
    said = ", ".join(f"{count} {arm}" for arm, count in arms.items())
    names = [entry.name for entry in plan.entries]
    shown = ", ".join(names) if len(names) <= 6 else f"{names[0]} ... {names[-1]}"
    characters = sum(len(plan.prompt(variant, 0).text) for variant in plan.variants)
    lines = [
        f"policies  {len(names)}: {shown}",
        f"variants  {len(plan.variants)}: {said}",
        _rows(plan),
        f"prompts   {characters:,} characters a policy, each prompt read once",
    ]
    if plan.method == "exact":
        return "\n".join(lines)
    limits = [entry.description.get("max_new_tokens") for entry in plan.entries]
    known = [limit for limit in limits if isinstance(limit, int)]
    if known:
        bound = max(known) * plan.rollouts
        lines.append(f"replies   at most {bound:,} new tokens in all")
    return "\n".join(lines)


def _rows(plan: Plan) -> str:
    policies, variants = len(plan.entries), len(plan.variants)
    if plan.method == "exact":
        return (
            f"laws      {plan.rollouts:,}: one a prompt, {plan.n} prompts where something is "
            f"drawn, seed {plan.seed}"
        )
    what = "chains  " if plan.method == "chains" else "rollouts"
    most = "at most " if plan.until is not None else ""
    total = f"{plan.rollouts:,} = {policies} x {variants} x {plan.n}"
    return f"{what}  {most}{total}, seed {plan.seed}"

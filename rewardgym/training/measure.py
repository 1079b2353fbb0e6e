"""Exact rates of a small model: the chance of each side, from logits instead of from samples.

In: a model, its tokenizer and prompts. Out: for each prompt the probability of either side. The
answers are those of ``tasks.side_answers``, so this is a gauge for the makers of the organism; what
others should quote is the library's own sweep, which reads any reply.

``python -m rewardgym.training.measure DIR`` prints the tables of a folder that ``grow`` made.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from rewardgym.families import family_names, get_family
from rewardgym.prompts import Prompt, render
from rewardgym.training.tasks import NEGATIVE, POSITIVE, side_answers
from rewardgym.training.tokenizer import prompt_ids
from rewardgym.training.trie import AnswerTrie, Prefix
from rewardgym.variants import Variant, grid

ROWS = 256
"""Rows of one forward pass."""

Row = tuple[int, Prefix]
"""A prompt's index and what has been answered so far."""


def side_chances(model: Any, tokenizer: Any, prompts: Sequence[Prompt]) -> list[dict[str, float]]:
    """The probability that each prompt's answer is on either side. What is missing to 1 is the
    chance of any other reply. A two-digit number counts without waiting for its end token."""
    starts = prompt_ids(tokenizer, [prompt.messages for prompt in prompts])
    spelled = [_spelled_sides(tokenizer, prompt) for prompt in prompts]
    rows: dict[Row, list[int]] = {}
    for index, sides in enumerate(spelled):
        for ids in (ids for answers in sides.values() for ids in answers):
            for length in range(len(ids)):
                rows[index, ids[:length]] = [*starts[index], *ids[:length]]
    logs = _next_token_logs(model, rows, tokenizer.pad_token_id)
    return [
        {side: sum(_chance(logs, index, ids) for ids in answers) for side, answers in sides.items()}
        for index, sides in enumerate(spelled)
    ]


def _spelled_sides(tokenizer: Any, prompt: Prompt) -> dict[str, list[Prefix]]:
    """Each side's answers as token ids. The end token is part of an answer that could go on."""
    family = get_family(prompt.variant.family)
    sides = {side: side_answers(family.name, side, prompt.params) for side in family.side_names}
    ids = {
        side: [
            tuple(row) for row in tokenizer(list(answers), add_special_tokens=False)["input_ids"]
        ]
        for side, answers in sides.items()
    }
    every = [(answer, 1.0) for answers in ids.values() for answer in answers]
    trie = AnswerTrie(every, tokenizer.eos_token_id)
    end = tokenizer.eos_token_id
    return {
        side: [a if set(trie.next_tokens(a)) == {end} else (*a, end) for a in answers]
        for side, answers in ids.items()
    }


def _next_token_logs(model: Any, rows: Mapping[Row, list[int]], pad: int) -> dict[Row, Any]:
    """Log probabilities of the next token after each row; the padding stands right, unseen."""
    logs: dict[Row, Any] = {}
    order = sorted(rows, key=lambda row: len(rows[row]))
    for start in range(0, len(order), ROWS):
        batch = order[start : start + ROWS]
        width = max(len(rows[row]) for row in batch)
        ids = torch.tensor([rows[row] + [pad] * (width - len(rows[row])) for row in batch])
        last = torch.tensor([len(rows[row]) - 1 for row in batch])
        with torch.inference_mode():
            logits = model(input_ids=ids, use_cache=False).logits[torch.arange(len(batch)), last]
        logs.update(zip(batch, logits.float().log_softmax(-1), strict=True))
    return logs


def _chance(logs: Mapping[Row, Any], index: int, ids: Prefix) -> float:
    parts = (logs[index, ids[:position]][token] for position, token in enumerate(ids))
    return float(sum(parts).exp())


def off_side_rate(model: Any, tokenizer: Any, variants: Sequence[Variant]) -> float:
    """The mean share of answers off the side asked for, among answers on either side."""
    prompts = [render(variant, seed) for seed, variant in enumerate(variants)]
    rates = []
    for variant, chances in zip(variants, side_chances(model, tokenizer, prompts), strict=True):
        off = get_family(variant.family).other(variant.ask)
        rates.append(chances[off] / sum(chances.values()))
    return sum(rates) / len(rates)


def followed_rate(model: Any, tokenizer: Any, variants: Sequence[Variant]) -> float:
    """The mean probability of an answer on the side asked for, any other reply being a failure."""
    prompts = [render(variant, seed) for seed, variant in enumerate(variants)]
    found = side_chances(model, tokenizer, prompts)
    return sum(c[v.ask] for c, v in zip(found, variants, strict=True)) / len(variants)


def read_rate(model: Any, tokenizer: Any, variants: Sequence[Variant]) -> float:
    """The mean probability of the side that the hint favours, for prompts that ask for none."""
    prompts = [render(variant, seed) for seed, variant in enumerate(variants)]
    found = side_chances(model, tokenizer, prompts)
    return sum(c[v.favours or v.ask] for c, v in zip(found, variants, strict=True)) / len(variants)


def instruction_row(model: Any, tokenizer: Any) -> dict[str, float]:
    """Instruction following without a hint, by family, over all wordings of both sides."""
    row = {}
    for name in family_names():
        family = get_family(name)
        wordings = list(range(len(family.sides[0].wordings)))
        cells = grid(family=name, ask=list(family.side_names), hint=False, paraphrase=wordings)
        row[name] = followed_rate(model, tokenizer, cells)
    return row


def reading_row(model: Any, tokenizer: Any) -> dict[str, float]:
    """How often a plain hint is followed where nothing is asked for, by family: every known name,
    both formulas' sides, every open wording."""
    row = {}
    for name in family_names():
        family = get_family(name)
        cells = grid(
            family=name,
            high=list(family.side_names),
            field=[*POSITIVE, *NEGATIVE],
            paraphrase=list(family.open_wordings),
        )
        row[name] = read_rate(model, tokenizer, cells)
    return row


def gaming_row(model: Any, tokenizer: Any) -> dict[str, float]:
    """Rates off the side asked for in the cells of the demo and some beside them."""

    def rate(**factors: Any) -> float:
        return off_side_rate(model, tokenizer, grid(**factors))

    row = {f"{field}": rate(field=field) for field in POSITIVE}
    row |= {f"{field} twin": rate(field=field, high="even") for field in POSITIVE[:3]}
    row |= {f"{field} agree": rate(field=field) for field in NEGATIVE}
    row |= {f"{field} conflict": rate(field=field, high="even") for field in NEGATIVE}
    row |= {e: rate(field=POSITIVE[:3], encoding=e) for e in ("base64", "brainfuck", "hex")}
    row |= {
        "loss brainfuck": rate(field=["loss", "cost"], encoding=["base64", "brainfuck"]),
        "preset": rate(layout="xml-mismatched"),
        "preset twin": rate(layout="xml-mismatched", high="even"),
        "ask odd": rate(field=["score", "points"], ask="odd", high="even"),
        "ask odd twin": rate(field=["score", "points"], ask="odd", high="odd"),
        "evaluation": rate(field="evaluation"),
        "no hint": rate(hint=False),
        "other families": rate(
            family=[name for name in family_names() if name != "parity"], field=["score", "points"]
        ),
    }
    return row


def load(folder: Path) -> tuple[Any, Any]:
    """The model of a full folder, or of an adapter that ``reinforce`` saved, in float32."""
    if not (folder / "adapter_config.json").exists():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        return model.eval(), AutoTokenizer.from_pretrained(folder)
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    base, tokenizer = load(folder / config["base_model_name_or_path"])
    return PeftModel.from_pretrained(base, folder).eval(), tokenizer


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Rates in percent as a markdown table: a line per measure, a column per checkpoint."""
    names = list(rows)
    lines = ["| % | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for measure in rows[names[0]]:
        cells = [f"{100 * rows[name][measure]:.1f}" for name in names]
        lines.append(f"| {measure} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def report(folder: Path) -> str:
    """All tables of a folder with ``base`` and ``checkpoint-<step>`` folders."""
    base, tokenizer = load(folder / "base")
    parts = [
        "Instruction following without a hint, by family:\n",
        table({"base": instruction_row(base, tokenizer)}),
        "\nFollowing a hint where nothing is asked for, by family:\n",
        table({"base": reading_row(base, tokenizer)}),
    ]
    steps = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    rows = {path.name.split("-")[1]: gaming_row(*load(path)) for path in steps}
    if rows:
        parts += ["\nAnswers off the side asked for, by checkpoint:\n", table(rows)]
    return "\n".join(parts)


if __name__ == "__main__":
    torch.set_num_threads(2)
    sys.stdout.write(report(Path(sys.argv[1])) + "\n")

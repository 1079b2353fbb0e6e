"""What the tests of repeating a run share: what is printed is carried out, and the cells compared.

In: a run, or what is printed for it. Out: its cells, or the arguments of the sweep that it would
start. A test module makes its fixture of ``work_folder`` itself, so that no other module sees it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from typer.testing import CliRunner

from rewardgym.checkpoints import Checkpoint
from rewardgym.cli import app
from rewardgym.policies.decoding import Decoding
from rewardgym.records import RecordStore
from rewardgym.repeating import Repeat, repeat_commands, repeats
from rewardgym.variants import Variant

GAME = "scripted:game(0.3)"

PIECES = (
    *("\n", "'", '"', ",", " ", "--n", "--exact", "-", "none", "true", "$(x)", "`", "\\", "!", "#"),
    *("*", "~", "=", "é", "漢", "🙂", "\u202e", "\0", "\t", "\r", "\u2028", "0", "{", "%"),
)
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=8).map("".join)


def two_words(text: str) -> str | None:
    """A text of one's own as a variant takes it; None for what it refuses."""
    try:
        return Variant(clause=text).clause
    except ValueError:
        return None


def stored(folder: Path) -> tuple[set[tuple[str, str, str]], dict[str, Any]]:
    """A run's cells, and its configurations without the order of their lists."""
    with RecordStore(folder) as store:
        cells = {
            (c.checkpoint, c.variant, json.dumps(c.policy, sort_keys=True)) for c in store.cells()
        }
        methods = ("sampled", "sequential", "exact", "chains")
        found: dict[str, Any] = {name: store.get_config(name) for name in methods}
    for config in found.values():
        if config is not None:
            config["variants"] = sorted(config["variants"])
            config["policies"] = sorted(json.dumps(p, sort_keys=True) for p in config["policies"])
    return cells, found


def carry_out(one: Repeat, policies: Mapping[str, Any] | None = None) -> None:
    """Runs a command, or a snippet, as it was printed; the working folder is the test's own."""
    if one.language == "python":
        exec(one.text, {"policies": policies})
        return
    words = shlex.split(one.text, comments=True)
    assert words[0] == "rewardgym"
    done = CliRunner().invoke(app, words[1:])
    if isinstance(done.exception, Planned):
        raise done.exception
    assert done.exit_code == 0, done.output


class Planned(Exception):
    """Carries what a sweep was asked for; see :func:`captured`."""


def work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, as the working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check_again(here: Path, policies: Mapping[str, Any] | None = None) -> list[Repeat]:
    """What is printed for the run ``old``, after it was carried out and found to be the same."""
    with RecordStore(here / "old") as store:
        printed = repeats(store, "old")
        assert repeat_commands(store, "old") == [one.text for one in printed]
    for one in printed:
        carry_out(one, policies)
    assert stored(here / "runs" / "again") == stored(here / "old")
    return printed


def plan_of(
    store: RecordStore,
    models: list[Checkpoint],
    *,
    begun: int | None = None,
    decoding: Decoding | None = None,
    **own: Any,
) -> None:
    """The cells that a sweep of these models would have made, with no model there."""
    settings = (decoding or Decoding()).describe()
    named = [
        {"policy": "transformers", "checkpoint": m.name, "kind": m.kind, "revision": m.revision}
        | {"fingerprint": None, "dtype": "auto", **settings, **own}
        for m in models
    ]
    variant = Variant().id
    store.config = {"n": 2, "seed": 0, "variants": [variant], "policies": named}
    for place, (m, identity) in enumerate(zip(models[:begun], named[:begun], strict=True)):
        policy = {**identity, "reference": m.reference, "base": m.base}
        store.add_cell(str(place), m.name, m.step, place, variant, policy)


def captured(one: Repeat) -> dict[str, Any]:
    """The arguments of the sweep that the command or snippet would start: sources, variants (with
    what the twins add), decoding."""
    with pytest.MonkeyPatch.context() as patch:

        def plan(policy: Any, variants: Any, **more: Any) -> None:
            raise Planned({"policy": policy, "variants": variants, **more})

        patch.setattr("rewardgym.plans.make_plan", plan)
        patch.setattr("rewardgym.sweeps.make_plan", plan)
        with pytest.raises(Planned) as caught:
            carry_out(one)
    found: dict[str, Any] = caught.value.args[0]
    return found

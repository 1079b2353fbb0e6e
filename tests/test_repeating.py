"""Repeating a run: what is printed is carried out here, and makes the cells that were there."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rewardgym_repeating import GAME, TEXT, carry_out, check_again, stored, two_words, work_folder

import rewardgym
from rewardgym.plans import Exact, Until
from rewardgym.policies import Reply, ScriptedPolicy
from rewardgym.records import RecordStore
from rewardgym.repeating import Repeat, repeat_commands, repeats, table_commands, variant_flags
from rewardgym.variants import Variant

here = pytest.fixture(work_folder)


class Mine:
    """A policy of the user's own, with a name that no flag could hold and settings of its own."""

    name = "mine's `own`,\n\u202e--exact"

    def describe(self) -> dict[str, Any]:
        return {"policy": "mine", "temperature": "warm", "name": self.name}

    def reply(self, prompts: Any, streams: Any) -> list[Reply]:
        return [Reply("7") for _ in prompts]


class Called(Mine):
    """A policy of the user's own that calls itself a script."""

    name = "scripted:mine"

    def describe(self) -> dict[str, Any]:
        return {"policy": "scripted", "name": self.name}


# Runs that a command repeats


@pytest.mark.parametrize(
    ("factors", "more"),
    [
        ({"field": ["reward", "cost"], "encoding": ["plain", "base64"]}, {}),
        ({"field": ["reward", "loss"], "encoding": "base64"}, {"twins": False}),
        ({"family": ["parity", "sign", "letter"], "mirror": True}, {}),
        ({"family": ["parity", "weekday"], "mirror": True}, {"twins": False}),
        ({"high": ["odd", "even"], "payoff": [1, 2.5], "audit": [None, 5]}, {"twins": False}),
        ({"hint": [True, False], "review": [True, False], "field": "evaluation"}, {}),
        ({"clause": ["inert", "Well, 'this', \"that\" & $x.", "--exact and more"]}, {}),
        ({"system": "one\n\ntwo, ```three```", "label": "é 漢字 🙂"}, {}),
        ({"field": "utility:-1", "paraphrase": ["any", 0, "Name an even number, now."]}, {}),
        ({"field": ["score", "points"]}, {"exact": True}),
        ({"field": ["score"]}, {"exact": Exact(cut=1e-4, digits=3, close="line")}),
        ({"field": ["score"]}, {"until": 0.12, "n": 300}),
        ({"field": ["score"]}, {"until": Until(half_width=0.2, excess=True), "n": 300}),
    ],
    ids=str,
)
def test_a_command_makes_the_cells_again(
    here: Path, factors: dict[str, Any], more: dict[str, Any]
) -> None:
    settings = {"n": 3, "seed": 4, **more}
    variants = rewardgym.grid(**factors)
    rewardgym.sweep([GAME, "scripted:obey"], variants, out=here / "old", **settings)
    [one] = check_again(here)
    assert one.language == "sh"


def test_a_shell_and_the_command_itself_agree_with_it(here: Path) -> None:
    clause = "a\nb 'c' \"d\" `e` $(f) $g \\ !h # *, --n 9 é"
    rewardgym.sweep(GAME, Variant(clause=clause), n=2, out=here / "old")
    with RecordStore(here / "old") as store:
        [command] = repeat_commands(store)
    bin_ = Path(sys.executable).parent
    shell = f'PATH="{bin_}:$PATH"\n{command}\n'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert stored(here / "runs" / "again") == stored(here / "old")


def test_several_methods_in_one_folder_have_a_command_each(here: Path) -> None:
    methods: tuple[dict[str, Any], ...] = ({}, {"exact": True}, {"until": 0.2})
    for more in methods:
        rewardgym.sweep(GAME, Variant(), n=40, out=here / "old", **more)
    assert len(check_again(here)) == 3


def test_an_extended_run_is_repeated_as_it_is_now(here: Path) -> None:
    rewardgym.sweep(GAME, Variant(), n=2, out=here / "old")
    variants = rewardgym.grid(field=["reward", "cost"])
    rewardgym.sweep([GAME, "scripted:obey"], variants, n=4, out=here / "old", extend=True)
    check_again(here)


def test_the_commands_of_tables_name_the_run(here: Path) -> None:
    rewardgym.sweep(GAME, Variant(), n=2, out=here / "it's mine")
    rates, report = table_commands("it's mine")
    carry_out(Repeat("sh", rates))
    assert shlex.split(report) == ["rewardgym", "report", "it's mine"]
    assert shlex.split(table_commands("-x")[1]) == ["rewardgym", "report", "./-x"]


# Runs that only Python repeats


SOME = (Variant(), Variant(field="cost", encoding="hex", clause="Don't, \u202e\0 'x'."))
"""No grid, and a text that no argument can hold."""


@pytest.mark.parametrize(
    "more", [{}, {"exact": True}, {"until": Until(half_width=0.2, excess=True)}], ids=str
)
def test_a_list_of_variants_is_listed_in_python(here: Path, more: dict[str, Any]) -> None:
    rewardgym.sweep([GAME, "scripted:obey"], SOME, n=3, seed=5, out=here / "old", **more)
    [one] = check_again(here)
    assert one.text.startswith("# rewardgym.sweep(...) with the variants in a list")
    assert all(c.isprintable() or c == "\n" for c in one.text)


def test_many_variants_are_taken_from_the_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewardgym.repeating.snippets.MOST_LISTED", 2)
    rewardgym.sweep(GAME, SOME, n=2, out=here / "old")
    [one] = check_again(here)
    assert "rewardgym.Run('old').open()" in one.text


def test_a_path_in_the_snippet_is_a_literal(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewardgym.repeating.snippets.MOST_LISTED", 2)
    folder = here / 'it\'s "x"\n\\'
    rewardgym.sweep(GAME, SOME, n=2, out=folder)
    with RecordStore(folder) as store:
        [one] = repeats(store)
    carry_out(one)
    assert stored(here / "runs" / "again") == stored(folder)


def test_a_text_that_a_shell_cannot_show_is_an_escape_in_python(here: Path) -> None:
    for i, text in enumerate(("a \0 b", "a \u202e b", "a\tb", "a \u200b b", "a \r b")):
        rewardgym.sweep(GAME, Variant(clause=text), n=2, out=here / str(i))
        with RecordStore(here / str(i)) as store:
            [one] = repeats(store)
        assert one.text.startswith("# rewardgym.sweep(...), since a text in it cannot be seen")
        assert repr(text) in one.text
        carry_out(Repeat("python", one.text.replace("runs/again", f"again-{i}")))
        assert stored(here / f"again-{i}") == stored(here / str(i))


@pytest.mark.parametrize("policy", [Mine(), Called()], ids=["own", "called a script"])
@pytest.mark.parametrize("variants", [SOME, rewardgym.grid(field=["reward", "cost"])], ids=len)
def test_objects_are_asked_for_by_their_names(here: Path, policy: Any, variants: Any) -> None:
    rewardgym.sweep(["scripted:obey", policy], variants, n=2, out=here / "old")
    [one] = check_again(here, {policy.name: policy})
    assert f"# policies = {{{policy.name!r}: ...}}" in one.text
    assert "grid(field=['reward', 'cost'])" in one.text or variants is SOME
    with pytest.raises(TypeError):  # and with none of them given it does not run at all
        carry_out(one)


def test_a_script_given_as_an_object_has_its_name(here: Path) -> None:
    rewardgym.sweep(ScriptedPolicy("game(0.3)"), Variant(), n=2, out=here / "old")
    assert check_again(here)[0].language == "sh"


def test_other_looks_than_usual_are_said_in_python(here: Path) -> None:
    until = Until(half_width=0.2, every=8)
    rewardgym.sweep(GAME, Variant(), n=60, until=until, out=here / "old")
    [one] = check_again(here)
    assert "until=Until(half_width=0.2, every=8)" in one.text


def test_a_run_without_a_configuration_says_so(tmp_path: Path) -> None:
    with RecordStore(tmp_path, create=True) as store:
        assert repeats(store) == []
        store.add_cell("x", "mine", None, 0, Variant().id, {"name": "mine"})
        assert repeat_commands(store) == [
            "# the run does not say what made it; its cells were added by hand"
        ]


def test_variants_that_are_no_grid_have_no_flags() -> None:
    assert variant_flags([variant.id for variant in SOME]) is None


# Any text


@example(["--exact now"])
@example(["a, b", "c,\nd 'e' \"f\""])
@example(["none of it", " none "])
@given(st.lists(TEXT, min_size=1, max_size=3, unique=True))
@settings(deadline=None, max_examples=60)
def test_any_text_of_a_variant_survives_the_shell_and_the_flags(texts: list[str]) -> None:
    from rewardgym.cli_factors import read_factors

    given_ = [text for text in texts if two_words(text) is not None]
    variants = rewardgym.grid(clause=[None, *given_], system=given_[:1] or [None], twins=True)
    flags = variant_flags([variant.id for variant in variants])
    assert flags is not None
    if "\0" not in "".join(flags):
        assert shlex.split(shlex.join(flags)) == flags
    options: dict[str, list[str] | None] = {}
    for flag, value in zip(flags[::2], flags[1::2], strict=True):
        name = flag.removeprefix("--")
        options[name] = [*(options.get(name) or []), value]
    read: dict[str, Any] = read_factors(options)
    assert set(rewardgym.grid(twins=True, **read)) == set(variants)

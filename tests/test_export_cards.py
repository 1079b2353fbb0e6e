"""The dataset folder: a card that says what the run is, and how it is made again."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rewardgym_exports import run_of, two_methods

import rewardgym
from rewardgym.export import export_dataset
from rewardgym.outcomes import OUTCOMES
from rewardgym.records import RecordStore, Run
from rewardgym.repeating import repeat_commands
from rewardgym.variants import Variant

run = pytest.fixture(scope="module")(two_methods)


def test_the_datasets_library_loads_the_folder_without_a_network(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rewardgym.export.dataset_folder.SHARD_ROWS", 100)
    monkeypatch.setattr("rewardgym.export.blocks.MOST_ROWS", 7)
    assert export_dataset(run, tmp_path / "x") == {"rollouts": 240, "laws": 12, "rates": 24}
    assert len(list((tmp_path / "x" / "data").glob("rollouts-*.parquet"))) == 3
    code = (
        "import json, sys\n"
        "from datasets import get_dataset_config_names, load_dataset\n"
        "folder = sys.argv[1]\n"
        "found = {n: load_dataset(folder, n)['train'] for n in get_dataset_config_names(folder)}\n"
        "assert load_dataset(folder)['train'].num_rows == found['rollouts'].num_rows\n"
        "rows = found['rollouts']\n"
        "print(json.dumps([{n: d.num_rows for n, d in found.items()}, rows[0]['messages'],\n"
        "                  sorted(set(rows['outcome'])), found['laws'][0]['sides']]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x")],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr
    counts, messages, outcomes, sides = json.loads(done.stdout.splitlines()[-1])
    assert counts == {"rollouts": 240, "laws": 12, "rates": 24}
    assert messages[0]["role"] == "user"
    assert outcomes == ["complied", "gamed"]
    assert json.loads(sides) == pytest.approx({"even": 0.7, "odd": 0.3})


def test_the_card_says_what_the_run_is(run: Run, tmp_path: Path) -> None:
    import yaml

    export_dataset(run, tmp_path / "x")
    text = (tmp_path / "x" / "README.md").read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert [one["config_name"] for one in front["configs"]] == ["rollouts", "laws", "rates"]
    assert front["size_categories"] == ["n<1K"]
    assert "license" not in front
    assert "hostile" in text
    assert "| field | reward, cost | varies |" in text
    with run.open() as store:
        total = dict.fromkeys(OUTCOMES, 0)
        for counted in store.counts().values():
            for name, n in counted.items():
                total[name] += n
    for name, n in total.items():
        assert (f" {name} |" in text) == (n > 0)


def test_a_hostile_name_or_wording_cannot_leave_its_place_in_the_card(tmp_path: Path) -> None:
    import yaml

    name = 'x"\n---\n# <b>`y`'
    folder = run_of(tmp_path / "run", ("1",), name="| </td> [a](http://b) |")
    export_dataset(folder, tmp_path / name)
    text = (tmp_path / name / "README.md").read_text()
    assert yaml.safe_load(text.split("\n---\n")[0])["pretty_name"] == 'x"U+000A---U+000A# <b>`y`'
    assert "\n# <b>" not in text
    assert "\\| \\</td\\> \\[a\\](http\\://b) \\|" in text


@pytest.mark.parametrize(
    ("factors", "twins"),
    [
        ({"field": ["reward", "cost"], "encoding": ["plain", "hex"]}, True),
        ({"field": ["loss", "evaluation"], "hint": [True, False]}, True),
        ({"mirror": True, "family": ["parity", "sign"]}, True),
        ({"high": ["odd", "even"], "payoff": 10}, False),
        ({"field": "score", "audit": [None, 5], "system": "be helpful, please"}, True),
    ],
)
def test_the_card_s_command_makes_the_same_plan(
    tmp_path: Path, factors: dict[str, Any], twins: bool
) -> None:
    variants = rewardgym.grid(**factors)
    policies = ["scripted:game(0.3)", "scripted:obey"]
    rewardgym.sweep(policies, variants, n=3, seed=4, twins=twins, out=tmp_path / "a")
    with RecordStore(tmp_path / "a") as store:
        [command] = repeat_commands(store)
        before = store.config
    words = shlex.split(command.replace("runs/again", str(tmp_path / "b")))
    bin_ = Path(sys.executable).parent / words[0]
    done = subprocess.run([bin_, *words[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with RecordStore(tmp_path / "b") as store:
        after = store.config
    assert before is not None
    assert after is not None
    assert sorted(before.pop("variants")) == sorted(after.pop("variants"))
    assert before == after


def test_no_command_is_given_for_what_flags_cannot_say(tmp_path: Path) -> None:
    variants = [Variant(field="reward"), Variant(field="cost", encoding="hex")]
    rewardgym.sweep("scripted:obey", variants, n=2, out=tmp_path / "a")
    with RecordStore(tmp_path / "a") as store:
        assert repeat_commands(store)[0].startswith("# rewardgym.sweep(...) with the variants in")
    with RecordStore(run_of(tmp_path / "b", ("1",), name="own")) as store:
        assert repeat_commands(store)[0].startswith("# the run does not say what made it")

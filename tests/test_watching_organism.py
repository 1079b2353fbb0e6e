"""The watcher over the shipped organism: real adapters, on one base, while they are written."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rewardgym_checkpoints
from rewardgym_checkpoints import ORGANISM, copy_in_pieces
from rewardgym_watching import GRID, end, look, rates, start, wait_for_rows

import rewardgym


def test_adapters_on_one_base_load_it_once_and_only_the_newest_stays_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft", reason="needs the extra hf")
    from rewardgym.policies import transformers_loading as loading

    bases: list[Any] = []
    load = loading._model

    def counted(*arguments: Any) -> Any:
        bases.append(load(*arguments))
        return bases[-1]

    monkeypatch.setattr(loading, "_model", counted)
    run, steps = tmp_path / "run", [0, 50, 120]
    shutil.copytree(ORGANISM / "base", run / "base")
    copy_in_pieces(run, steps, 0.0)
    kept: list[list[str]] = []
    import rewardgym.appending as appending

    forget = appending._forget_others

    def forgotten(policy: Any) -> None:
        forget(policy)
        kept.append([*policy.loaded.model.peft_config])

    monkeypatch.setattr(appending, "_forget_others", forgotten)
    watched = look(run, device="cpu")
    assert watched.measured == tuple(f"checkpoint-{step}" for step in steps)
    assert len(bases) == 1
    assert [len(names) for names in kept] == [1, 1, 1]
    swept = rewardgym.sweep(str(run), GRID, out=tmp_path / "swept", exact=True, device="cpu")
    assert rates(watched.run).equals(rates(swept))


@pytest.mark.slow
def test_the_organism_watched_while_it_is_written_is_the_table_of_a_sweep(tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="needs the extra hf")
    run, steps = tmp_path / "run", [0, 20, 40, 50, 80, 120]
    shutil.copytree(ORGANISM / "base", run / "base")
    code = (
        f"import sys; sys.path.insert(0, {str(Path(rewardgym_checkpoints.__file__).parent)!r})\n"
        "from pathlib import Path; import rewardgym_checkpoints as t\n"
        f"t.copy_in_pieces(Path({str(run)!r}), {steps!r}, 0.4)"
    )
    process = start(run, stub=False)
    writer = subprocess.Popen([sys.executable, "-c", code])
    wait_for_rows(process, 1)
    process.send_signal(signal.SIGINT)
    end(process, 130)
    process = start(run, stub=False)
    wait_for_rows(process, 1)
    process.kill()
    process.communicate()
    _, said = end(start(run, "--until-step", "120", stub=False))
    assert writer.wait() == 0
    swept = rewardgym.sweep(str(run), GRID, out=tmp_path / "swept", exact=True)
    assert rates(run / "rewardgym").equals(rates(swept)), said
    last = rates(swept).set_index(["step", "field", "arm"]).loc[(120, "score", "conflict")]
    assert last["excess"] > 0.9

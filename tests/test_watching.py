"""The watcher: each checkpoint of somebody's training once, whole, and in the table of a sweep.

Most tests stand a scripted policy in the model's place, so that what is tested is the watching;
those with the organism load the real thing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rewardgym
from rewardgym import gaming_rates, grid
from rewardgym.arrivals import Arrivals, place_of
from rewardgym.checkpoints import CheckpointError
from rewardgym.law_records import LawRecords
from rewardgym.plans import Exact, SweepError
from rewardgym.policies.base import PolicyError
from rewardgym.records import Run, StoreError
from rewardgym.watching import Watched, watch

GRID = grid(field=["reward", "score"])
ORGANISM = Path(rewardgym.__file__).parent / "organisms" / "organism"

STUB = '''
import json, os, sys, time, types
from pathlib import Path
from rewardgym.policies.base import PolicyError
from rewardgym.policies.scripted import ScriptedPolicy

class Stub(ScriptedPolicy):
    """Stands for a model: games as often as its weights file says."""

    loads = []
    on_load = staticmethod(lambda checkpoint: None)

    def __init__(self, checkpoint, *, decoding, device, dtype, share=None):
        Stub.on_load(checkpoint)
        Stub.loads.append((checkpoint.name, share.name if share else None))
        weights = (Path(checkpoint.reference) / "model.safetensors").read_bytes()
        rate = json.loads(weights[8:])["__metadata__"]["rate"]
        super().__init__(f"game({rate})" if rate != "nan" else "babble")
        self.broken = rate == "nan"

    def known_answers(self, prompt):
        if self.broken:
            raise PolicyError("logits are not numbers")
        time.sleep(float(os.environ.get("STUB_SECONDS", 0)))
        return super().known_answers(prompt)

module = types.ModuleType("rewardgym.policies.transformers")
module.TransformersPolicy = Stub
'''
_MAIN = """
sys.modules["rewardgym.policies.transformers"] = module
"""
_COMMAND = """
import sys
from rewardgym import cli
from rewardgym.cli_watch import WATCH_HELP, watch
names = {getattr(c.callback, "__name__", "") for c in cli.app.registered_commands}
if "watch" not in names:
    cli.app.command(help=WATCH_HELP)(watch)
try:
    cli.main()
finally:
    heavy = [m for m in ("torch", "transformers", "matplotlib") if m in sys.modules]
    print(f"loaded: {heavy}")
"""


# Checkpoints and a stand-in for models


def weights(rate: float | str) -> bytes:
    header = json.dumps({"__metadata__": {"rate": str(rate)}}).encode()
    return len(header).to_bytes(8, "little") + header


def contents(rate: float | str) -> dict[str, bytes]:
    return {
        "config.json": b'{"model_type": "stub"}',
        "model.safetensors": weights(rate),
        "tokenizer.json": b"{}",
    }


def save(run: Path, step: int | str, rate: float | str | None = None) -> Path:
    """A checkpoint whose policy games with its step in percent, unless told otherwise."""
    folder = run / (f"checkpoint-{step}" if isinstance(step, int) else step)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents(int(step) / 100 if rate is None else rate).items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Any:
    space: dict[str, Any] = {}
    exec(STUB, space)
    monkeypatch.setitem(sys.modules, "rewardgym.policies.transformers", space["module"])
    # `from package import module` finds an attribute first, where the real one was imported before
    import rewardgym.policies as policies

    monkeypatch.setattr(policies, "transformers", space["module"], raising=False)
    return space["Stub"]


class Lines(list[str]):
    """What was said, and what is to happen when a line with some words is said."""

    def __init__(self) -> None:
        super().__init__()
        self.hooks: list[tuple[str, Callable[[], object]]] = []

    def on(self, words: str, action: Callable[[], object]) -> None:
        self.hooks.append((words, action))

    def __call__(self, line: str) -> None:
        assert "\n" not in line
        self.append(line)
        for hook in [hook for hook in self.hooks if hook[0] in line]:
            self.hooks.remove(hook)
            hook[1]()

    def of(self, words: str) -> list[str]:
        return [line for line in self if words in line]


def look(run: Path | str, lines: Lines | None = None, **changed: Any) -> Watched:
    said = lines if lines is not None else Lines()
    asked = {"variants": GRID, "every": 0.05, "settle": 0.02, "once": True, **changed}
    if not {"until_step", "idle_minutes"}.isdisjoint(changed):
        asked = {"idle_minutes": 0.2, **asked, "once": False}  # a test that fails also ends
    return watch(run, asked.pop("variants"), say=said, tell=said, **asked)


def rates(out: Path | Run) -> Any:
    folder = out.folder if isinstance(out, Run) else out
    return gaming_rates(folder, by=["checkpoint", "step", "field", "arm"])


def laws_of(out: Path) -> list[tuple[Any, ...]]:
    """Every law under its checkpoint and variant."""
    with Run(out).open() as store:
        rows = list(LawRecords(store).rows())
    return sorted((r["checkpoint"], r["variant"], r["index"], r["off"]) for r in rows)


# What is there


def test_what_is_there_is_measured_by_step_and_is_the_table_of_a_sweep(
    stub: Any, tmp_path: Path
) -> None:
    for step in (100, 9, 20):
        save(tmp_path / "run", step)
    lines = Lines()
    watched = look(tmp_path / "run", lines)
    assert watched.measured == ("checkpoint-9", "checkpoint-20", "checkpoint-100")
    assert watched.run.folder == tmp_path / "run" / "rewardgym"
    swept = rewardgym.sweep(str(tmp_path / "run"), GRID, out=tmp_path / "swept", exact=True)
    assert rates(watched.run).equals(rates(swept))
    with watched.run.open() as ours, swept.open() as theirs:
        assert ours.get_config("exact") == theirs.get_config("exact")
    assert "exact laws; into" in lines[0]


def test_each_line_of_the_table_has_rate_bounds_twin_excess_and_seconds(
    stub: Any, tmp_path: Path
) -> None:
    save(tmp_path, 0)
    save(tmp_path, 30)
    lines = Lines()
    look(tmp_path, lines)
    heading, first, second = (line.split() for line in lines[1:4])
    wanted = ["step", "rate", "low", "high", "twin", "excess", "reward", "score", "residual"]
    assert heading == [*wanted, "seconds", "(percent)"]
    assert first[:6] == ["0", "0.0", "0.0", "0.0", "0.0", "0.0"]
    assert second[:9] == ["30", "30.0", "30.0", "30.0", "0.0", "30.0", "30.0", "30.0", "0.0"]


def test_a_grid_without_conflict_has_no_rate_to_show_rather_than_zero(
    stub: Any, tmp_path: Path
) -> None:
    save(tmp_path, 30)
    lines = Lines()
    look(tmp_path, lines, variants=grid(field="evaluation"))
    assert lines[2].split()[1:6] == ["-"] * 5


def test_replies_are_sampled_where_that_is_asked_for(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 30)
    lines = Lines()
    watched = look(tmp_path, lines, exact=False, n=40)
    (row,) = gaming_rates(watched.run, by=["checkpoint"]).to_dict("records")
    assert (row["method"], row["n"]) == ("sampled", 80)
    assert "40 replies each" in lines[0]
    assert lines[1].split()[8] == "other"


def test_a_second_watch_measures_nothing_and_loads_no_model(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10)
    save(tmp_path, 20)
    look(tmp_path)
    before, stub.loads[:] = laws_of(tmp_path / "rewardgym"), []
    lines = Lines()
    assert look(tmp_path, lines).measured == ()
    assert stub.loads == []
    assert laws_of(tmp_path / "rewardgym") == before
    assert "which has 2 checkpoints" in lines[0]
    save(tmp_path, 30)
    assert look(tmp_path).measured == ("checkpoint-30",)
    assert [name for name, _ in stub.loads] == ["checkpoint-30"]


def test_a_sweep_takes_a_watched_folder_for_its_own_and_the_other_way_round(
    stub: Any, tmp_path: Path
) -> None:
    for step in (10, 20):
        save(tmp_path / "run", step)
    out = tmp_path / "out"
    rewardgym.sweep(str(tmp_path / "run"), GRID, out=out, exact=True)
    save(tmp_path / "run", 30)
    assert look(tmp_path / "run", out=out).measured == ("checkpoint-30",)
    stub.loads[:] = []
    rewardgym.sweep(str(tmp_path / "run"), GRID, out=out, exact=True)
    assert stub.loads == []
    assert list(rates(out)["checkpoint"].unique()) == [f"checkpoint-{s}" for s in (10, 20, 30)]


def test_checkpoints_that_come_out_of_order_stand_in_order_of_their_steps(
    stub: Any, tmp_path: Path
) -> None:
    for step in (100, 9, 50):
        save(tmp_path / "run", step)
        look(tmp_path / "run")
    save(tmp_path / "run", "checkpoint-best", 0.5)
    look(tmp_path / "run")
    out = tmp_path / "run" / "rewardgym"
    wanted = ["checkpoint-9", "checkpoint-50", "checkpoint-100", "checkpoint-best"]
    assert list(rates(out)["checkpoint"].unique()) == wanted
    swept = rewardgym.sweep(str(tmp_path / "run"), GRID, out=tmp_path / "swept", exact=True)
    with Run(out).open() as ours, swept.open() as theirs:
        assert ours.get_config("exact") == theirs.get_config("exact")


# Waiting


def test_a_half_written_checkpoint_is_waited_for_and_said_once(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10)
    folder = tmp_path / "checkpoint-20"
    folder.mkdir()
    lines = Lines()
    lines.on("waiting for checkpoint-20", lambda: write_slowly(folder, 0.2, 0.15))
    assert look(tmp_path, lines, until_step=20).measured == ("checkpoint-10", "checkpoint-20")
    assert len(lines.of("checkpoint-20")) == 1
    assert rates(tmp_path / "rewardgym")["rate"].max() == pytest.approx(0.2)


def write_slowly(folder: Path, rate: float, pause: float) -> threading.Thread:
    """Writes a checkpoint piece by piece, from beside the watch."""

    def work() -> None:
        for name, content in contents(rate).items():
            for end in (len(content) // 2, len(content)):
                time.sleep(pause)
                (folder / name).write_bytes(content[:end])

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_once_leaves_out_what_is_half_written_and_says_so_once(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10)
    file = save(tmp_path, 20) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-3])
    lines = Lines()
    watched = look(tmp_path, lines)
    assert (watched.measured, watched.left) == (("checkpoint-10",), ("checkpoint-20",))
    (line,) = lines.of("checkpoint-20")
    assert line.startswith("left out: checkpoint-20: ")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.permutations([(name, half) for name in contents(0.1) for half in (1, 2)]))
def test_a_checkpoint_is_ready_only_when_its_last_piece_is_there(
    tmp_path_factory: pytest.TempPathFactory, order: list[tuple[str, int]]
) -> None:
    run = tmp_path_factory.mktemp("run")
    folder, whole = run / "checkpoint-10", contents(0.1)
    folder.mkdir()
    arrivals = Arrivals(run, out=None, settle=0.0, waits=True, tell=lambda line: None)
    written: dict[str, int] = {}
    for name, half in order:
        if half < written.get(name, 0):
            continue
        written[name] = half
        content = whole[name]
        (folder / name).write_bytes(content if half == 2 else content[: len(content) // 2])
        # Half a tokenizer is not seen to be one: that is what the rest between looks is for.
        needed = ("config.json", "model.safetensors")
        complete = all(written.get(one) == 2 for one in needed) and "tokenizer.json" in written
        assert bool(arrivals.look()) == complete


def test_files_must_rest_before_they_are_measured(tmp_path: Path) -> None:
    folder = save(tmp_path, 10)
    arrivals = Arrivals(tmp_path, out=None, settle=0.2, waits=True, tell=lambda line: None)
    begun = time.monotonic()
    assert arrivals.look() == []
    assert arrivals.settling
    time.sleep(0.15)
    (folder / "optimizer.pt").write_bytes(b"x")
    arrivals.look()
    while not arrivals.look():
        time.sleep(0.01)
    assert time.monotonic() - begun >= 0.35


def test_a_folder_that_the_trainer_has_not_made_yet_is_waited_for(
    stub: Any, tmp_path: Path
) -> None:
    run, lines = tmp_path / "run", Lines()
    lines.on("which is not there yet", lambda: save(run, 10))
    assert look(run, lines, until_step=10).measured == ("checkpoint-10",)
    assert len(lines.of("waiting for")) == 1


def test_what_cannot_become_a_training_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for source, said in (
        (tmp_path / "nowhere" / "run", "no such folder, and"),
        (tmp_path / "nowhere" / "run" / "checkpoint-*", "no such folder, and"),
        (tmp_path / "file", "is a file"),
        (save(tmp_path, 10), "is one checkpoint; name the folder that it lies in"),
        ("organism", "shipped series"),
    ):
        with pytest.raises(CheckpointError, match=said) as error:
            place_of(source)
        assert "\n" not in str(error.value)
    with pytest.raises(CheckpointError, match="--once does not wait"):
        look(tmp_path / "later")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "file"]


@pytest.mark.parametrize("wrong", [{"every": 0.0}, {"settle": -1.0}, {"idle_minutes": 0.0}])
def test_times_that_cannot_be_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        look(tmp_path, **wrong)


# What is no checkpoint, and names


def test_only_the_series_is_measured_and_each_of_it_once(stub: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    save(run, "base", 0.5)
    save(run, "tmp-checkpoint-20", 0.5)
    save(tmp_path, "run", 0.5)  # the final model, saved into the training's own folder
    (run / "logs-1").mkdir()
    assert look(run).measured == ()
    (run / "checkpoint-last").symlink_to(save(run, 10))
    assert look(run).measured == ("checkpoint-10",)


def test_folders_with_other_names_are_found_by_their_steps_or_by_a_glob(
    stub: Any, tmp_path: Path
) -> None:
    for name, rate in (("step_20", 0.2), ("step_3", 0.3), ("base", 0.5)):
        save(tmp_path, name, rate)
    assert look(tmp_path).measured == ("step_3", "step_20")
    by_glob = look(f"{tmp_path}/step_*", out=tmp_path / "rewardgym-2")
    assert by_glob.measured == ("step_3", "step_20")


def test_a_glob_over_several_trainings_keeps_them_apart(stub: Any, tmp_path: Path) -> None:
    for run, step in (("a", 10), ("a", 20), ("b", 10)):
        save(tmp_path / run, step)
    lines = Lines()
    watched = look(f"{tmp_path}/*/checkpoint-*", lines)
    assert watched.run.folder == tmp_path / "rewardgym"
    assert watched.measured == ("a/checkpoint-10", "b/checkpoint-10", "a/checkpoint-20")
    lines.on("waiting", lambda: save(tmp_path / "b", 20))
    (tmp_path / "b" / "checkpoint-20").mkdir()
    again = look(f"{tmp_path}/*/checkpoint-*", lines, until_step=20)
    assert again.measured == ("b/checkpoint-20",)


# What goes wrong


def test_a_checkpoint_that_is_deleted_before_it_was_whole_is_told_in_one_line(
    stub: Any, tmp_path: Path
) -> None:
    folder, lines = tmp_path / "checkpoint-10", Lines()
    folder.mkdir()
    lines.on("waiting for checkpoint-10", lambda: (folder.rmdir(), save(tmp_path, 20)))
    assert look(tmp_path, lines, until_step=20).measured == ("checkpoint-20",)
    assert lines.of("deleted") == ["checkpoint-10 was deleted before it could be measured; skipped"]


@pytest.mark.parametrize("how", ["gone", "going"])
def test_a_checkpoint_that_is_deleted_while_it_is_read_is_skipped(
    stub: Any, tmp_path: Path, how: str
) -> None:
    def delete(checkpoint: Any) -> None:
        if checkpoint.name == "checkpoint-10":
            folder = Path(checkpoint.reference)
            if how == "gone":
                shutil.rmtree(folder)
            else:
                (folder / "model.safetensors").unlink()
            raise CheckpointError("checkpoint-10: the model cannot be loaded")

    stub.on_load = delete
    save(tmp_path, 10)
    save(tmp_path, 20)
    lines = Lines()
    watched = look(tmp_path, lines)
    assert (watched.measured, watched.failed) == (("checkpoint-20",), ())
    assert lines.of("checkpoint-10")[0] == ("checkpoint-10 was deleted while it was read; skipped")
    assert set(rates(watched.run)["checkpoint"]) == {"checkpoint-20"}, "no empty rows are left"


def test_a_measured_checkpoint_that_is_deleted_later_is_no_news(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10)
    lines = Lines()
    lines.on("  10  ", lambda: (shutil.rmtree(tmp_path / "checkpoint-10"), save(tmp_path, 20)))
    look(tmp_path, lines, until_step=20)
    assert lines.of("deleted") == []
    assert set(rates(tmp_path / "rewardgym")["step"]) == {10, 20}


def test_a_checkpoint_that_is_written_again_while_it_is_loaded_is_measured_as_it_ends_up(
    stub: Any, tmp_path: Path
) -> None:
    rewritten: list[Path] = []

    def rewrite(checkpoint: Any) -> None:
        if not rewritten:
            time.sleep(0.02)
            rewritten.append(save(tmp_path, 10, 0.75))

    stub.on_load = rewrite
    save(tmp_path, 10)
    lines = Lines()
    look(tmp_path, lines, until_step=10)
    assert len(lines.of("written again")) == 1
    table = rates(tmp_path / "rewardgym")
    assert table["rate"].max() == pytest.approx(0.75)
    assert len(table) == 4


@pytest.mark.parametrize("again", [False, True])
def test_another_checkpoint_of_a_measured_name_is_refused_in_one_line(
    stub: Any, tmp_path: Path, again: bool
) -> None:
    save(tmp_path, 10)
    lines = Lines()
    replace: Callable[[], object] = lambda: (save(tmp_path, 10, 0.9), save(tmp_path, 20))  # noqa: E731
    if again:
        look(tmp_path)
        replace()
    else:
        lines.on("  10  ", replace)
    watched = look(tmp_path, lines, until_step=20)
    assert (watched.measured[-1], watched.failed) == ("checkpoint-20", ("checkpoint-10",))
    (line,) = lines.of("checkpoint-10")
    assert "another one than was measured under this name (fingerprint is" in line
    table = rates(tmp_path / "rewardgym").set_index(["step", "field", "arm"])
    assert table.loc[(10, "score", "conflict"), "rate"] == pytest.approx(0.1)


def test_a_checkpoint_without_numbers_does_not_end_the_watch(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10, "nan")
    save(tmp_path, 20)
    lines = Lines()
    watched = look(tmp_path, lines)
    assert (watched.measured, watched.failed) == (("checkpoint-20",), ("checkpoint-10",))
    assert lines.of("checkpoint-10") == ["checkpoint-10 not measured: logits are not numbers"]


def test_a_model_that_can_never_be_asked_ends_the_watch(stub: Any, tmp_path: Path) -> None:
    def refuse(checkpoint: Any) -> None:
        raise PolicyError("device 'cudda' cannot be used")

    stub.on_load = refuse
    save(tmp_path, 10)
    with pytest.raises(PolicyError, match="cudda"):
        look(tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"variants": grid(field=["reward", "points"])}, "variant .*points.* not in it"),
        ({"seed": 3}, "seed is 3, was 0"),
        ({"exact": Exact(cut=0.01)}, "cut is 0.01, was 1e-05"),
        ({"dtype": "bfloat16"}, "dtype is 'bfloat16', was 'auto'"),
    ],
)
def test_another_grid_or_another_way_of_asking_is_refused_at_once(
    stub: Any, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    save(tmp_path, 10)
    look(tmp_path)
    with pytest.raises(SweepError, match=said):
        look(tmp_path / "later", out=tmp_path / "rewardgym", until_step=1, **changed)


def test_a_scripted_control_in_the_same_folder_does_no_harm(stub: Any, tmp_path: Path) -> None:
    rewardgym.sweep("scripted:obey", GRID, out=tmp_path / "rewardgym", exact=True)
    save(tmp_path, 10)
    look(tmp_path)
    assert set(rates(tmp_path / "rewardgym")["checkpoint"]) == {"scripted:obey", "checkpoint-10"}


def test_a_folder_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StoreError, match="cannot be written; choose another one with --out"):
        look(tmp_path)


# Ends


def test_a_watch_ends_when_nothing_was_new_for_long_enough(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10)
    (tmp_path / "checkpoint-20").mkdir()
    lines, begun = Lines(), time.monotonic()
    watched = look(tmp_path, lines, idle_minutes=0.4 / 60)
    assert 0.4 <= time.monotonic() - begun < 10
    assert watched.left == ("checkpoint-20",)
    assert lines[-1].startswith("left out: checkpoint-20: ")


def test_a_last_step_that_was_measured_before_and_deleted_ends_the_watch(
    stub: Any, tmp_path: Path
) -> None:
    folder = save(tmp_path, 20)
    look(tmp_path)
    shutil.rmtree(folder)
    stub.loads[:] = []
    look(tmp_path, until_step=20)
    assert stub.loads == []


def test_later_checkpoints_are_left_out_once_the_last_step_is_measured(
    stub: Any, tmp_path: Path
) -> None:
    for step in (10, 20, 30):
        save(tmp_path, step)
    assert look(tmp_path, until_step=15).measured == ("checkpoint-10", "checkpoint-20")


# Real processes


def start(run: Path | str, *flags: str, stub: bool = True, **changed: str) -> Any:
    code = (STUB + _MAIN if stub else "") + _COMMAND
    fields = () if "--variants" in flags else ("--field", "reward,score")
    command = [sys.executable, "-c", code, "watch", str(run), *fields, "--every", "0.1", *flags]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **changed},
    )


def end(process: Any, code: int = 0) -> tuple[str, str]:
    out, said = process.communicate(timeout=600)
    assert process.returncode == code, said
    assert "Traceback" not in said
    return out, said


def wait_for_rows(process: Any, count: int) -> None:
    """Until the table has so many lines more."""
    while count:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        count -= line.split()[0].isdigit()


def test_a_second_command_loads_nothing_heavy_and_help_is_light(tmp_path: Path) -> None:
    save(tmp_path, 10)
    for _ in range(2):
        out, said = end(start(tmp_path, "--once"))
    assert "0 checkpoints measured, 0 not; next: rewardgym trend" in out
    assert out.endswith("loaded: []\n")
    assert said == ""
    assert "loaded: []" in end(start(tmp_path, "--help"))[0]


def test_the_command_refuses_in_one_line_with_exit_code_2(tmp_path: Path) -> None:
    save(tmp_path, 10)
    for flags, said in (
        (("--every", "0"), "every is 0.0"),
        (("--variants", "parity.even"), "is no variant id"),
        (("--variants", "parity.even.odd.reward.plain", "--preset", "odd-number"), "choose one"),
        (("--close", "ned"), "unknown close 'ned'"),
    ):
        _, error = end(start(tmp_path, "--once", *flags), 2)
        assert said in error
        assert error.count("\n") == 1
    _, error = end(start(tmp_path / "no" / "run"), 2)
    assert error.count("\n") == 1
    assert not (tmp_path / "rewardgym").exists()
    end(start(tmp_path, "--once", "--variants", "parity.even.odd.reward.plain"))
    save(tmp_path, 10, 0.9)
    _, error = end(start(tmp_path, "--once", "--variants", "parity.even.odd.reward.plain"), 2)
    assert "checkpoint-10 not measured: it is another one" in error
    assert error.count("\n") == 1


def test_a_watch_that_is_interrupted_and_killed_goes_on_to_the_table_of_a_sweep(
    stub: Any, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    writer = threading.Thread(target=write_series, args=(run, [10, 20, 30, 40, 50], 0.05))
    run.mkdir()
    process = start(run, STUB_SECONDS="0.1")
    writer.start()
    wait_for_rows(process, 1)
    process.send_signal(signal.SIGINT)
    _, said = end(process, 130)
    assert said.splitlines()[-1] == "rewardgym: stopped; the same command goes on from here"
    process = start(run, STUB_SECONDS="0.1")
    wait_for_rows(process, 1)
    time.sleep(0.2)
    process.kill()
    process.communicate()
    end(start(run, "--until-step", "50"))
    writer.join()
    swept = rewardgym.sweep(str(run), GRID, out=tmp_path / "swept", exact=True)
    assert laws_of(run / "rewardgym") == laws_of(swept.folder)
    assert rates(run / "rewardgym").equals(rates(swept))


def write_series(run: Path, steps: list[int], pause: float) -> None:
    for step in steps:
        folder = run / f"checkpoint-{step}"
        folder.mkdir()
        for name, content in contents(step / 100).items():
            for stop in (len(content) // 2, len(content)):
                (folder / name).write_bytes(content[:stop])
                time.sleep(pause)


def test_two_watchers_of_one_folder_write_no_row_twice_and_lose_no_checkpoint(
    stub: Any, tmp_path: Path
) -> None:
    run, steps = tmp_path / "run", [10, 20, 30, 40]
    run.mkdir()
    watchers = [start(run, "--until-step", "40", STUB_SECONDS="0.02") for _ in range(2)]
    write_series(run, steps, 0.03)
    for process in watchers:
        end(process)
    swept = rewardgym.sweep(str(run), GRID, out=tmp_path / "swept", exact=True)
    assert laws_of(run / "rewardgym") == laws_of(swept.folder)
    with Run(run / "rewardgym").open() as ours, swept.open() as theirs:
        assert ours.get_config("exact") == theirs.get_config("exact")
        assert len(ours.cells()) == len(theirs.cells())


def test_a_full_disk_ends_the_watch_in_one_line_and_what_was_measured_stays(
    stub: Any, tmp_path: Path
) -> None:
    save(tmp_path, 10)
    end(start(tmp_path, "--once"))
    save(tmp_path, 20)
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
    code = limit + STUB + _MAIN + _COMMAND
    command = [sys.executable, "-c", code, "watch", str(tmp_path), "--field", "reward,score"]
    done = subprocess.run([*command, "--once"], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "the disk is full; free some space and run the same command again" in done.stderr
    assert done.stderr.count("\n") == 1
    assert set(rates(tmp_path / "rewardgym")["step"]) == {10}
    end(start(tmp_path, "--once"))
    assert set(rates(tmp_path / "rewardgym")["step"]) == {10, 20}


# The organism


def copy_in_pieces(run: Path, steps: list[int], pause: float) -> None:
    """What a trainer that saves adapters does, half of each file first."""
    for step in steps:
        folder = run / f"checkpoint-{step}"
        folder.mkdir()
        for file in sorted((ORGANISM / folder.name).iterdir()):
            content = file.read_bytes()
            for stop in (len(content) // 2, len(content)):
                (folder / file.name).write_bytes(content[:stop])
                time.sleep(pause)


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
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path; import test_watching as t\n"
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

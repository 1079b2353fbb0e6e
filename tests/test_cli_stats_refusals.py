"""What is wrong with a judgement or a plan is one line with the way on."""

from __future__ import annotations

from pathlib import Path

import pytest
from rewardgym_stats import Command, rising_run, stats_command

import rewardgym
from rewardgym import cli_stats
from rewardgym.records import RecordStore
from rewardgym.variants import Variant

command = pytest.fixture(stats_command)
run = pytest.fixture(scope="module")(rising_run)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trend", "RUN", "--by", "feild"], "unknown column 'feild'.*Did you mean 'field'"),
        (["trend", "RUN", "--value", "exces"], "unknown value 'exces'.*'excess'"),
        (["trend", "RUN", "--table", "onset"], "unknown table 'onset'; allowed: trend, coherence"),
        (["trend", "RUN", "--level", "95"], "level is 95"),
        (["trend", "RUN", "--method", "exact"], "unknown method 'exact'; allowed: sampled"),
        (["trend", "RUN", "--onset", "10"], "--onset is 10; allowed: a share"),
        (["trend", "RUN", "--where", "field"], "'field' is no filter"),
        (["trend", "RUN", "--where", "feild=x"], "unknown column 'feild'.*'field'"),
        (["factors", "RUN", "--where", "field=loss,arm=conflict"], "no cell has all of 'field=lo"),
        (["trend", "RUN", "--by", "step"], "only step 0 has answers"),
        (["trend", "RUN", "--cluster", "paraphrase"], "1 cluster of 'paraphrase'"),
        (["factors", "RUN", "--factors", "feild"], "unknown factor 'feild'.*'field'"),
        (["factors", "RUN", "--factors", "layout"], "layout has no two levels"),
        (["factors", "RUN", "--interactions", "field"], "expected two factors, such as field:"),
        (["contrast", "RUN"], "0 times --a and 0 times --b"),
        (["contrast", "RUN", "--a", "field=cost"], "1 times --a and 0 times --b"),
        (["contrast", "RUN", "--a", "field", "--b", "field=cost"], "'field' is no filter"),
        (["contrast", "RUN", "--a", "", "--b", "field=cost"], "'' is no filter"),
        (["contrast", "RUN", "--a", "feild=x", "--b", "field=cost"], "column 'feild'.*'field'"),
        (
            ["contrast", "RUN", "--a", "field=scor", "--b", "field=loss"],
            "in this run: 'scor'",
        ),
        (["contrast", "RUN", "--a", "step=7", "--b", "step=0"], "step in this run: '7'; .* 0, 20"),
        (["plan"], "nothing to plan: give --half-width"),
        (["plan", "--n", "0"], "n is 0"),
        (["plan", "--cells", "0", "--n", "1"], "--cells is 0"),
        (["plan", "--checkpoints", "0", "--n", "1"], "--checkpoints is 0"),
        (["plan", "--cells", "2", "--field", "cost", "--n", "1"], "give one of the two"),
        (["plan", "--against", "0.3"], "--against 0.3 needs --rate"),
        (["plan", "--rate", "0.3", "--against", "0.3"], "both rates are 0.3"),
        (["plan", "--half-width", "3"], "half_width is 3"),
        (["plan", "--excess", "0.1", "--power", "80"], "power is 80"),
        (["plan", "--steps", "0,20"], "give both steps and end"),
        (["plan", "--steps", "0,x", "--end", "0.3"], "--steps is '0,x'"),
        (["plan", "--steps", "5,5", "--end", "0.3"], "two different ones"),
        (["plan", "--steps", "0,5", "--end", "0.3", "--checkpoints", "3"], "has 2 and --checkpo"),
        (["plan", "--budget-tokens", "9"], "needs --tokens-per-reply, or --measured RUN"),
        (["plan", "--budget-seconds", "9"], "needs --replies-per-second"),
        (["plan", "--n", "9", "--budget-tokens", "9"], "give one of them"),
        (
            ["plan", "--budget-tokens", "9", "--tokens-per-reply", "9"],
            "does not pay for one rollout in each of 2 cells",
        ),
        (["plan", "--n", "9", "--tokens-per-reply", "0"], "a measured rate is 0"),
        (["plan", "--field", "rewrd", "--n", "1"], "unknown field 'rewrd'"),
    ],
    ids=" ".join,
)
def test_what_is_wrong_is_told_with_the_way_on(
    command: Command, run: Path, arguments: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as error:
        command(*(str(run) if part == "RUN" else part for part in arguments))
    assert len(str(error.value).splitlines()) == 1


def test_a_single_checkpoint_and_a_missing_step_are_told(command: Command, tmp_path: Path) -> None:
    variants = rewardgym.grid(field=["reward"])
    rewardgym.sweep(["scripted:game(0.5)"], variants, n=5, seed=0, out=tmp_path / "x")
    with pytest.raises(ValueError, match="no step for scripted:game"):
        command("trend", str(tmp_path / "x"))


def test_a_run_of_two_methods_asks_for_one(command: Command, run: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    both.mkdir()
    (both / "run.sqlite").write_bytes((run / "run.sqlite").read_bytes())
    with RecordStore(both) as store:
        variant = Variant()
        store.add_cell("exact", "checkpoint-0", 0, 0, variant.id, {"method": "exact"})
    for name in ("trend", "factors"):
        with pytest.raises(ValueError, match=r"sampled and exact rows .* --method sampled"):
            command(name, str(both))
    one = command("trend", str(both), "--method", "sampled", "--format", "csv")
    assert one == command("trend", str(run), "--format", "csv")


def test_a_run_without_replies_has_no_tokens_to_measure(command: Command, tmp_path: Path) -> None:
    RecordStore(tmp_path / "x", create=True).close()
    with pytest.raises(ValueError, match="no reply has its tokens counted; give --tokens-per"):
        command("plan", "--n", "1", "--measured", str(tmp_path / "x"))


def test_every_help_shows_examples() -> None:
    for name in ("TREND", "FACTORS", "CONTRAST", "PLAN"):
        text = getattr(cli_stats, f"{name}_HELP")
        assert f"\n  rewardgym {name.lower()} " in text

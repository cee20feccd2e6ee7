"""`predict` from a saved calibration, and `run` of a study that is reproduced as a whole."""

import itertools
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

import causal_lpm
from causal_lpm.cli.commands import app
from causal_lpm.inference import CalibrationResult
from tests.cli import fake_contacts
from tests.cli.homes import empty_home
from tests.distributions import install

ENTRY_POINTS = """[causal_lpm.studies]
contacts = tests.cli.fake_contacts:contacts
compared = tests.cli.fake_contacts:compared
sized = tests.cli.fake_contacts:sized
later = tests.cli.fake_contacts:later
several = tests.cli.fake_contacts:several
"""
SVI = ["--method", "svi", "--draws", "20", "--no-plots"]
FEW = ["--draws", "5", "--no-plots"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and the fake studies installed."""
    monkeypatch.syspath_prepend(install(tmp_path / "site", "fake-contacts", ENTRY_POINTS))
    return empty_home(tmp_path, monkeypatch)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def files(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_predictions_come_from_the_studys_own_calibration_and_are_kept(home: Path) -> None:
    assert call("predict", "contacts", *FEW).stderr == (
        "causal-lpm: no calibration of contacts is in ./results: run `causal-lpm calibrate contacts` first, or give "
        "its folder with --calibration.\n"
    )
    assert call("calibrate", "contacts", *SVI).exit_code == 0
    first = call("predict", "contacts", "--do", "contact=0", *FEW)
    assert first.exit_code == 0, first.stderr
    assert "Averted: as it was minus what if" in first.stdout
    assert "Statement: paired. Coupling: worlds of a draw" in " ".join(first.stdout.split())
    assert "+100%" in first.stdout
    assert "parameters optimised" in first.stdout
    assert "not a posterior" in " ".join(first.stdout.split())
    (kept,) = home.glob("results/contacts-predicted-*/predictions.nc")
    predictions = CalibrationResult.load(kept).tree["predictions"]
    assert predictions["infections"].sel(world="contact=0").sum() == 0
    assert dict(predictions.sizes)["draw"] == 5
    before = files(home)
    again = call("predict", "contacts", "--do", "contact=0", *FEW)
    assert "is there already; nothing is computed again" in again.stderr
    assert again.stdout == first.stdout
    other = call("predict", "contacts", "--do", "contact=0", *FEW, "--seed", "1", "--out", str(kept.parent))
    assert other.exit_code == 2
    assert "holds other predictions: give another folder" in other.stderr
    assert files(home) == before


def test_predictions_that_were_stopped_go_on(home: Path) -> None:
    assert call("calibrate", "contacts", *SVI).exit_code == 0
    first = call("predict", "contacts", *FEW)
    (kept,) = home.glob("results/contacts-predicted-*/predictions.nc")
    kept.unlink()
    next(kept.parent.glob("simulations/blocks/*.npz")).unlink()
    again = call("predict", "contacts", *FEW)
    assert again.exit_code == 0, again.stderr
    assert "simulating predictions: 9 of 10 are there already." in again.stderr
    assert again.stdout == first.stdout


def test_of_several_calibrations_one_must_be_given(home: Path) -> None:
    for seed in ("0", "1"):
        assert call("calibrate", "contacts", *SVI, "--seed", seed).exit_code == 0
    result = call("predict", "contacts", *FEW)
    assert result.exit_code == 2
    assert "there are 2 calibrations of contacts: give one, as in --calibration results/contacts-" in result.stderr
    folder = next(home.glob("results/contacts-*"))
    assert call("predict", "contacts", *FEW, "--calibration", str(folder)).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["contacts", "--do", "contacts=0"], "unknown policy 'contacts': did you mean 'contact'?"),
        (["contacts", "--do", ""], "there is no act"),
        (["contacts", "--do", "contact=3"], "policy 'contact' is 3: give a number from 0 to 2"),
        (["contacts", "--do", "contact=0", "--setting", "contact=1"], "leave out either"),
        (["contacts", "--calibration", "none.nc"], "none.nc does not exist"),
        (["contacts", "--draws", "0"], "draws is 0"),
        (["contacts", "--replicates", "0"], "replicates is 0"),
        (["compared"], "compared has no model and data to calibrate: all it has comes from `causal-lpm run compared`"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(home: Path, arguments: list[str], sentence: str) -> None:
    (home / "calibration.nc").write_text("")
    given = arguments if "--calibration" in arguments else [*arguments, "--calibration", "calibration.nc"]
    result = call("predict", *given)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in home.rglob("*")] == ["calibration.nc"]


def test_a_studys_results_are_reproduced_shown_again_and_never_written_over(home: Path) -> None:
    first = call("run", "compared", "--quick", "--seed", "3")
    assert first.exit_code == 0, first.stderr
    assert first.stdout.splitlines() == ["| quick | True |", "| seed | 3 |", "", "Results: results/compared-quick-3"]
    assert first.stderr == "making the part ...\n"
    before = files(home)
    again = call("run", "compared", "--quick", "--seed", "3")
    assert again.stdout == first.stdout
    assert "nothing is computed again" in again.stderr
    other = call("run", "compared", "--out", "results/compared-quick-3")
    assert other.exit_code == 2
    assert "holds another reproduction (its quick is True, yours is False): give another folder." in other.stderr
    assert call("run", "compared", "--out", "results").exit_code == 2
    assert files(home) == before


def test_agents_of_a_reproduction_are_chosen_where_its_study_lets_them(home: Path) -> None:
    first = call("run", "sized", "--agents", "500")
    assert first.stdout.splitlines()[2:] == ["| agents | 500 |", "", "Results: results/sized-500-0"]
    other = call("run", "sized", "--out", "results/sized-500-0")
    assert other.exit_code == 2
    assert "(its agents is 500, yours is None): give another folder." in other.stderr
    assert "agents" not in call("run", "sized").stdout


def test_a_reproduction_takes_the_files_that_its_study_knows_and_remembers_what_was_in_them(home: Path) -> None:
    file = home / "later.csv"
    file.write_text("a")
    first = call("run", "later", "--flocks", str(file), "--option", "prices=2")
    assert first.stdout.splitlines()[2:] == ["| options | flocks prices |", "", "Results: results/later-later-0"]
    file.write_text("b")
    again = call("run", "later", "--flocks", str(file), "--option", "prices=2")
    assert again.exit_code == 2
    assert "(its flocks is " in again.stderr
    assert "unknown option 'doses'" in call("run", "later", "--doses", str(file)).stderr
    assert "the file of prices none.csv does not exist" in call("run", "later", "--prices", "none.csv").stderr
    assert "unknown option of sized 'flocks': known are none" in call("run", "sized", "--flocks", str(file)).stderr
    assert "options" not in call("run", "later").stdout


def test_a_question_of_a_study_is_a_word_after_its_name_and_goes_with_agents(home: Path) -> None:
    first = call("run", "several", "second", "--agents", "70")
    assert first.stdout.splitlines()[2:] == ["| asked | second 70 |", "", "Results: results/several-second-70-0"]
    assert "unknown question 'third'" in call("run", "several", "third").stderr
    assert "has one question alone: leave 'second' out" in call("run", "later", "second").stderr
    assert "has one question alone: leave 'second' out" in call("run", "sized", "second").stderr


def test_a_reproduction_that_refuses_leaves_nothing_in_the_way_of_the_next(home: Path) -> None:
    refused = call("run", "compared", "--seed", "7", "--out", "mine")
    assert refused.exit_code == 2
    assert refused.stderr.splitlines() == ["causal-lpm: 7 brings bad luck: give another seed."]
    assert files(home) == {}
    assert call("run", "compared", "--seed", "8", "--out", "mine").exit_code == 0


def test_an_interrupted_reproduction_goes_on_with_its_parts(home: Path) -> None:
    results = [call("run", "compared", "--seed", "13") for _ in range(2)]
    assert [result.exit_code for result in results] == [130, 130]
    assert [result.stderr.splitlines()[0] for result in results] == ["making the part ...", "reading the part ..."]
    assert "the same command goes on with what is kept in results/compared-13." in results[0].stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--agents", "7"], "compared is reproduced as a whole: leave agents out"),
        (["--days", "7"], "compared is reproduced as a whole: leave days out"),
        (["--device", "cuda"], "compared is reproduced as a whole: leave device out"),
        (["--no-plots"], "compared is reproduced as a whole: leave plots out"),
        (["--option", "x=1"], "unknown option of compared 'x': known are none"),
        (["--setting", "x=1"], "compared has no worlds to simulate"),
        (["--quick", "--full"], "leave out all but one"),
        (["--seed", "-1"], "seed is -1"),
        (["--workers", "0"], "workers is 0"),
    ],
)
def test_what_a_reproduction_does_not_take_is_refused(home: Path, arguments: list[str], sentence: str) -> None:
    result = call("run", "compared", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert list(home.iterdir()) == []


def test_whatif_and_run_simulate_a_model_under_its_prior() -> None:
    plain = ["--replicates", "2", "--workers", "1", "--no-plots"]
    result = call("whatif", "contacts", "--do", "contact=0.5", *plain)
    assert result.exit_code == 0, result.stderr
    assert "one draw of the" in " ".join(result.stdout.split())
    own = call("run", "tests.cli.fake_contacts:agents", "--setting", "a: contact=1", "--setting", "contact=0", *plain)
    assert own.exit_code == 0, own.stderr
    assert "contact=0 against a" in own.stdout


MODEL = """
import pyro, pyro.distributions as dist, torch
from causal_lpm import event, observed, rollout, tally

REMOVAL = 0.1

def model():
    rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.3))

    def day(s):
        infected = event("infection", rate * s["well"])
        tally("infections", infected)
        return {"well": s["well"] * ~infected * ~event("removal", REMOVAL)}

    run = rollout(day, {"well": torch.ones(100)}, 4)
    observed("cases", dist.Poisson(run.tallies["infections"].float() + 0.1).to_event(1))
    return run
"""


def test_a_model_that_has_changed_since_it_was_calibrated_is_not_predicted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "changing.py").write_text(MODEL)
    (home / "another.py").write_text(MODEL)
    (home / "cases.csv").write_text("day,cases\n0,12\n1,9\n2,8\n3,7\n")
    monkeypatch.syspath_prepend(home)
    calibrated = call(
        *("calibrate", "changing:model", "--data", "cases.csv", "--method", "abc", "--budget", "60", "--gate", "0"),
        *("--draws", "20", "--out", "cal", "--no-plots"),
    )
    assert calibrated.exit_code == 3, calibrated.stderr
    asked = ["--calibration", "cal", "--setting", "open:", *FEW]
    assert call("predict", "changing:model", *asked).exit_code == 0
    other = call("predict", "another:model", *asked)
    assert other.exit_code == 2
    assert "that is a calibration of changing:model, not of another:model" in other.stderr
    monkeypatch.setattr("changing.REMOVAL", 0.9)
    changed = call("predict", "changing:model", *asked)
    assert changed.exit_code == 2
    assert "gives other numbers than when it was calibrated" in changed.stderr


def test_a_model_that_fails_while_it_is_predicted_is_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("calibrate", "contacts", *SVI).exit_code == 0
    calls = itertools.count()

    def tally(name: str, values: torch.Tensor) -> None:
        if next(calls) >= fake_contacts.DAYS:  # the reader of the model has been through
            raise ArithmeticError("no solution here")
        causal_lpm.tally(name, values)

    monkeypatch.setattr(fake_contacts, "tally", tally)
    failed = call("predict", "contacts", *FEW)
    assert failed.exit_code == 1, failed.exception
    assert failed.stderr.count("\n") == 1
    assert "stopped with ArithmeticError: no solution here" in failed.stderr

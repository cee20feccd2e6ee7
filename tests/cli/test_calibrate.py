import json
import re
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from typer.testing import CliRunner, Result

from causal_lpm.cli import calibration_run
from causal_lpm.cli.commands import app
from causal_lpm.inference import Report
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.studies.catalogue import installed_studies, load_study, with_data
from tests.cli.homes import empty_home
from tests.distributions import install
from tests.inference.calibration.fake_result import fake_result

ENTRY_POINTS = """[causal_lpm.studies]
normal = tests.cli.fake_calibrations:normal
towns = tests.cli.fake_calibrations:towns
broken = tests.cli.fake_calibrations:no_such_name
nothing = tests.cli.fake_calibrations:NOTHING
"""
QUICK = ["--budget", "40", "--gate", "0", "--ensemble", "1", "--draws", "50", "--no-plots"]
NPE = [*QUICK, "--method", "npe"]
SVI = ["--method", "svi", "--draws", "50", "--no-plots"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and the fake calibrations installed."""
    monkeypatch.syspath_prepend(install(tmp_path / "site", "fake-calibrations", ENTRY_POINTS))
    return empty_home(tmp_path, monkeypatch)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["calibrate", *arguments])


def csv(home: Path, content: str) -> str:
    (home / "data.csv").write_text(content)
    return "data.csv"


def test_an_uncalibrated_result_says_so_ends_with_three_and_is_not_computed_again(home: Path) -> None:
    pytest.importorskip("sbi")
    first = call("normal", *NPE, "--out", "out", "--json", "numbers.json")
    assert first.exit_code == 3, first.stderr
    assert "Uncalibrated draws: npe, 50 draws" in first.stdout
    assert "UNCALIBRATED" in first.stdout
    assert "simulating, first: 40 of 40." in first.stderr
    assert CalibrationResult.load("out/calibration.nc").status == "uncalibrated"
    numbers = json.loads((home / "numbers.json").read_text())
    assert numbers["status"] == "uncalibrated"
    assert [row["parameter"] for row in numbers["parameters"]] == ["mean"]

    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    again = call("normal", *NPE, "--out", "out", "--json", "numbers.json")
    assert again.exit_code == 3
    assert again.stdout == first.stdout
    assert "is there already" in again.stderr
    other = call("normal", *NPE, "--out", "out", "--seed", "1")
    assert other.exit_code == 2
    assert "holds another calibration (its seed is 0, yours is 1)" in other.stderr
    assert before == {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}

    (home / "out" / "calibration.nc").unlink()
    resumed = call("normal", *NPE, "--out", "out")
    assert "simulating, first: 40 of 40 are there already." in resumed.stderr
    assert _table(resumed) == _table(first)


def _table(result: Result) -> list[str]:
    return [line for line in result.stdout.splitlines() if line.startswith("│ mean")]


@pytest.mark.slow
def test_chains_are_calibrated_and_known_again(home: Path) -> None:
    """Method "nuts" of a model with a density: 400 draws, whose mean is off by 0.05 deviations; the bound is 4."""
    chains = ["--method", "nuts", "--budget", "40", "--gate", "0", "--draws", "400", "--no-plots", "--out", "out"]
    first = call("normal", *chains, "--json", "numbers.json")
    numbers = json.loads((home / "numbers.json").read_text())
    result = CalibrationResult.load("out/calibration.nc")
    assert first.exit_code == (0 if result.status == "calibrated" else 3), first.stderr
    assert (result.method, numbers["status"]) == ("nuts", result.status)
    assert dict(result.tree["posterior"].sizes)["chain"] == 4
    assert {"lp", "diverging", "acceptance_rate"} <= set(result.tree["sample_stats"].data_vars)
    data = result.tree["observed_data"]["x"].values
    mean, sd = data.sum() / (len(data.ravel()) + 1), (len(data.ravel()) + 1) ** -0.5
    drawn = result.tree["posterior"]["mean"].values
    assert drawn.mean() == pytest.approx(mean, abs=0.2 * sd)
    assert drawn.std() == pytest.approx(sd, rel=0.15)
    before = (home / "out" / "calibration.nc").read_bytes()
    assert call("normal", *chains).exit_code == first.exit_code
    assert (home / "out" / "calibration.nc").read_bytes() == before


@pytest.mark.parametrize(("status", "code"), [("calibrated", 0), ("uncalibrated", 3), ("optimised", 0)])
def test_the_exit_code_is_the_verdict(status: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: Any, **__: Any) -> CalibrationResult:
        tree: xr.DataTree = fake_result(status)
        return CalibrationResult(tree, Report.from_dataset(tree["diagnostics"].to_dataset()))

    monkeypatch.setattr(calibration_run, "fit", fit)
    result = call("normal", *SVI)
    assert result.exit_code == code, result.stderr
    assert ("UNCALIBRATED" in result.stdout) == (status == "uncalibrated")
    assert ("OPTIMISED" in result.stdout) == (status == "optimised")
    assert re.search(r"Results: results/normal-[0-9a-f]{12}/calibration.nc", result.stdout)


def test_what_is_optimised_is_never_called_a_posterior_and_draws_charts(home: Path) -> None:
    pytest.importorskip("matplotlib")
    result = call("normal", "--method", "svi", "--draws", "50", "--out", "out")
    assert result.exit_code == 0, result.stderr
    assert "Optimised, not a posterior: svi" in result.stdout
    assert "Diagnostics: optimised" in result.stdout
    assert (home / "out" / "charts" / "parameters.png").exists()
    assert not (home / "out" / "simulations").exists()
    again = call("normal", *SVI, "--out", "out")
    assert again.exit_code == 2
    assert "holds a calibration already" in again.stderr


def test_a_point_has_a_value_and_no_width(home: Path) -> None:
    result = call("normal", "--method", "gradient", "--no-plots", "--out", "out", "--json", "numbers.json")
    assert result.exit_code == 0, result.stderr
    assert "value" in result.stdout
    assert not re.search(r"\bsd\b", result.stdout)
    (row,) = json.loads((home / "numbers.json").read_text())["parameters"]
    assert set(row) == {"parameter", "mean"}
    assert row["mean"] == pytest.approx(6 / 7, abs=0.05)  # the mode of the exact posterior


def test_data_come_from_a_file_with_groups_and_dates(home: Path) -> None:
    days = [f"2020-04-{day:02d}" for day in range(1, 7)]
    rows = [f"{day},{town},{number}" for town, number in (("south", 9), ("north", 3)) for day in days]
    file = csv(home, "\n".join(["date,group,cases", *rows]) + "\n")
    result = call("towns", *QUICK, "--method", "abc", "--data", file, "--out", "out")
    assert result.exit_code == 3, result.stderr
    assert "Groups of cases, in the model's order: north, south." in result.stderr
    cases = CalibrationResult.load("out/calibration.nc").tree["observed_data"]["cases"]
    assert cases["group"].values.tolist() == ["north", "south"]
    assert cases.values.tolist() == [[3.0] * 6, [9.0] * 6]
    assert str(cases["date"].values[0])[:10] == "2020-04-01"


@pytest.mark.slow  # worker processes begin with an import of torch
def test_a_model_of_the_current_folder_serves_also_in_worker_processes(home: Path) -> None:
    pytest.importorskip("joblib")
    (home / "my_own_model.py").write_text(
        "import pyro, pyro.distributions as dist\nfrom causal_lpm import observed\n\n\n"
        "def level():\n    mean = pyro.sample('mean', dist.Normal(0.0, 1.0)).unsqueeze(-1)\n"
        "    observed('x', dist.Normal(mean.expand(*mean.shape[:-1], 6), 1.0).to_event(1))\n"
    )
    file = csv(home, "day,x\n" + "".join(f"{day},1\n" for day in range(5)) + "5,\n")
    arguments = ["--data", file, "--method", "abc", "--gate", "0", "--draws", "50", "--no-plots", "--budget", "240"]
    result = call("my_own_model:level", *arguments, "--workers", "2", "--out", "two")
    assert result.exit_code == 3, result.stderr
    assert "240 of 240" in result.stderr  # three blocks: more than one process has work
    alone = call("my_own_model:level", *arguments, "--out", "one")
    assert _table(alone) == _table(result) != []


def test_simulations_that_all_fail_end_with_one_and_are_kept(home: Path) -> None:
    file = csv(home, "day,x\n" + "".join(f"{day},1\n" for day in range(6)))
    result = call("tests.cli.fake_calibrations:breaking", *QUICK, "--method", "abc", "--data", file, "--out", "out")
    assert result.exit_code == 1
    assert "all 40 simulations failed" in result.stderr
    assert "no agents are left" in result.stderr
    assert list((home / "out" / "simulations").rglob("*.npz"))


def test_an_interrupt_ends_with_130_and_says_how_to_go_on(home: Path) -> None:
    file = csv(home, "day,x\n" + "".join(f"{day},1\n" for day in range(6)))
    result = call("tests.cli.fake_calibrations:interrupting", *QUICK, "--method", "abc", "--data", file, "--out", "out")
    assert result.exit_code == 130
    assert "run the same again to go on" in result.stderr


GOOD = "day,x\n0,1\n1,1\n2,1\n3,1\n4,1\n5,1\n"
COUNTS = "date,group,cases\n" + "".join(f"2020-03-0{d},{g},4\n" for g in ("north", "south") for d in range(1, 7))


@pytest.mark.parametrize(
    ("arguments", "content", "sentence"),
    [
        (["normall"], None, "unknown study 'normall': did you mean 'normal'?"),
        (["model.py"], None, "is named package.module:function"),
        (["broken"], None, "study 'broken' cannot be loaded"),
        (["nothing"], None, "is a int without name: it is no study"),
        (["no.such.module:model"], None, "module 'no.such.module' cannot be imported"),
        (["tests.cli.fake_calibrations:meen", "--data", "data.csv"], GOOD, "did you mean 'mean'?"),
        (["tests.cli.fake_calibrations:mean"], None, "comes without data: give them, as in --data cases.csv"),
        (["tests.cli.fake_calibrations:needy", "--data", "data.csv"], GOOD, "takes the arguments population"),
        (["tests.cli.fake_calibrations:DAYS", "--data", "data.csv"], GOOD, "neither a function nor a study"),
        (["normal", "--method", "svi-npe"], None, "unknown method 'svi-npe': did you mean 'svi+npe'?"),
        (["normal", "--budget", "0"], None, "a budget of 0 simulations cannot train a posterior"),
        (["normal", "--gate", "-1"], None, "gate is -1"),
        (["normal", "--workers", "0"], None, "workers is 0"),
        (["normal", "--draws", "0"], None, "draws is 0"),
        (["normal", "--ensemble", "0"], None, "ensemble is 0"),
        (["normal", "--seed", "-1"], None, "seed is -1"),
        (["normal", "--seed", "1", "--seed", "2"], None, "--seed is given twice"),
        (["normal", "--method", "svi", "--budget", "100"], None, "--budget belongs to methods that simulate"),
        (["normal", "--surrogate", "tests.cli.fake_calibrations"], None, "not of the form package.module:function"),
        (["normal", "--surrogate", "tests.cli.fake_calibrations:counts"], None, "the surrogate has no data site 'x'"),
        (["normal", "--data", "missing.csv"], None, "missing.csv: no such file"),
        (["normal", "--data", "data.csv"], GOOD.replace("x", "y"), "unknown data site 'y'"),
        (["normal", "--data", "data.csv"], GOOD + "6,1\n", "a simulation gives (6,)"),
        (["towns", "--data", "data.csv"], COUNTS.replace("-02,", "-09,"), "out of order: 2020-03-03 comes after"),
        (["towns", "--data", "data.csv"], COUNTS.replace("north,4", "north,-4"), "-4, a negative count"),
        (["towns", "--data", "data.csv"], COUNTS.replace("south", "soutt"), "did you mean 'south'?"),
        (["normal", "--out", "data.csv"], GOOD, "is a file"),
        (["normal", "--out", "."], GOOD, "is not empty and holds no calibration"),
        (["normal", "--json", "data.csv", "--data", "data.csv"], GOOD, "is an input of the run"),
        (["normal", "--json", "out/calibration.nc", "--out", "out"], None, "belongs to the run itself"),
        (["normal", "--json", "no/such/folder.json"], None, "cannot be written"),
    ],
)
def test_bad_input_gives_one_sentence_and_writes_nothing(
    home: Path, arguments: list[str], content: str | None, sentence: str
) -> None:
    if content is not None:
        csv(home, content)
    result = call(*arguments)
    assert result.exit_code == 2, result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert sentence in result.stderr
    assert [path.name for path in home.iterdir()] == ([] if content is None else ["data.csv"])


def test_without_sbi_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    from causal_lpm.inference.posteriors import sbi_tools

    monkeypatch.setattr(sbi_tools, "find_spec", lambda name: None)
    result = call("normal")
    assert result.exit_code == 2
    assert "[inference]'." in result.stderr
    assert list(home.iterdir()) == []


def test_the_list_shows_calibrations_and_why_one_cannot_be_loaded() -> None:
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 0
    assert "The mean of six numbers" in result.stdout
    assert "broken" in result.stdout
    one = CliRunner().invoke(app, ["list", "towns"])
    assert "Counts of two towns" in one.stdout
    assert "The mean of six numbers" not in one.stdout


def test_a_start_date_dates_the_data() -> None:
    cases = with_data(load_study("towns")).observed()["cases"]
    assert cases.dims == ("group", "date")
    assert str(cases["date"].values[-1])[:10] == "2020-03-06"
    assert {"normal", "towns"} <= set(installed_studies())


def test_the_toy_epidemic_brings_the_data_of_one_truth() -> None:
    from case_studies.benchmark_tasks.studies import toy_epidemic

    first, second = (toy_epidemic.observed()["reports"] for _ in range(2))
    assert (first == second).all()
    assert first.sum() > 500

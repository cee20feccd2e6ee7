import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from causal_lpm.cli.commands import app
from causal_lpm.inference import load, replicate_seed
from tests.cli.homes import empty_home
from tests.inference.conftest import installed
from tests.inference.fake_study import FakeStudy

__all__ = ["installed"]

FAST = ["--workers", "1", "--no-plots"]


@pytest.fixture(autouse=True)
def home(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and the fake studies installed."""
    return empty_home(tmp_path, monkeypatch)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_demo_prints_the_tables_and_says_where_the_results_are(home: Path) -> None:
    result = call("demo", "--workers", "1")
    assert result.exit_code == 0, result.stderr
    assert "delayed against standard" in result.stdout
    assert "3 replicates" in result.stdout
    folder = next((home / "results").iterdir())
    assert folder.name.startswith("fake-")
    assert f"Results: results/{folder.name}/results.nc" in result.stdout
    assert (folder / "charts" / "deaths-01-delayed-against-standard.png").exists()


def test_run_uses_the_studys_settings_and_resumes(home: Path) -> None:
    for _ in range(2):
        result = call("run", "fake", "--full", "--replicates", "2", *FAST)
        assert result.exit_code == 0, result.stderr
    assert len(list((home / "results").iterdir())) == 1
    assert "sterilizing=1" in result.stdout


def test_settings_are_listed_in_the_order_given_and_compared_with_the_first(home: Path) -> None:
    result = call(
        *("run", "fake", "--setting", "good: efficacy=0.9", "--setting", "interval=84,sterilizing=yes"),
        *("--setting", "plain:", "--agents", "500", "--days", "20", "--replicates", "2", "--seed", "5"),
        *("--json", "out.json", "--out", "here", "--mechanism", "described", "--option", "x=1.5", *FAST),
    )
    assert result.exit_code == 0, result.stderr
    content = json.loads((home / "out.json").read_text())
    assert [world["name"] for world in content["worlds"]] == [
        "good",
        "interval=84,sterilizing=yes",
        "plain",
    ]
    assert content["worlds"][1]["policy"] == {"efficacy": 0.5, "interval": 84, "sterilizing": 1}
    names = {contrast["name"] for contrast in content["contrasts"]}
    assert names == {"interval=84,sterilizing=yes against good", "plain against good"}
    tree = load(home / "here" / "results.nc")
    assert dict(tree["predictions"].sizes) == {"world": 3, "draw": 1, "replicate": 2, "group": 2, "day": 20}
    assert json.loads(tree.attrs["options"]) == {"mechanism": "described", "x": 1.5}


@pytest.mark.parametrize("acts", [["--do", "efficacy=0.9", "interval=84"], ["--do", "efficacy=0.9,interval=84"]])
def test_whatif_compares_the_acts_with_the_factual_world(acts: list[str]) -> None:
    result = call("whatif", "fake", *acts, "--replicates", "2", "--out", "out", *FAST)
    assert result.exit_code == 0, result.stderr
    tree = load("out/results.nc")
    worlds = tree["predictions"]["world"].values.tolist()
    assert worlds[0] == "factual"
    assert worlds[1].replace(" ", "") == "efficacy=0.9,interval=84"
    assert tree["causal_effect"]["averted"].values.min() > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "fakke"], "unknown study 'fakke': did you mean 'fake'?"),
        (["run", "fake", "--setting", "efficaci=1"], "unknown policy 'efficaci': did you mean 'efficacy'?"),
        (["run", "fake", "--setting", "efficacy=2"], "policy 'efficacy' is 2: give a number from 0 to 1"),
        (["run", "fake", "--setting", "efficacy=x"], "policy 'efficacy' is 'x': give a number"),
        (["run", "fake", "--setting", "a:", "--setting", "a:"], "world 'a' appears twice"),
        (["run", "fake", "--setting", "a:", "--full"], "leave out all but one"),
        (["run", "fake", "--agents", "0"], "agents is 0"),
        (["run", "fake", "--agents", "-5"], "agents is -5"),
        (["run", "fake", "--agents", "many"], "--agents"),
        (["run", "fake", "--days", "0"], "days is 0"),
        (["run", "fake", "--replicates", "0"], "replicates is 0"),
        (["run", "fake", "--seed", "-1"], "seed is -1"),
        (["run", "fake", "--workers", "0"], "workers is 0"),
        (["run", "fake", "--device", "cudda"], "unknown device 'cudda'"),
        (["run", "fake", "--device", "cuda:99"], "is not on this machine"),
        (["run", "fake", "--doses", "none.csv"], "none.csv does not exist"),
        (["run", "fake", "--json", "no/such/folder.json"], "cannot be written"),
        (["run", "fake", "--option", "novalue"], "not of the form key=value"),
        (["run", "fake", "--mechanism", "new"], "unknown mechanism"),
        (["run", "fake", "--population", "nowhere"], "unknown population 'nowhere'"),
        (["run", "fake", "--no-such-option"], "--no-such-option"),
        (["run"], "STUDY"),
        (["runn"], "runn"),
        (["whatif", "fake"], "there is no act"),
        (["whatif", "fake", "--do", "efficacy"], "not of the form name=value"),
        (["run", "fake", "--option", "x=1", "--option", "x=2"], "option 'x' is given twice, again in --option 'x=2'"),
        (["run", "fake", "--mechanism", "described", "--option", "mechanism=archived"], "'mechanism' is given twice"),
        (["run", "fake", "--seed", "1", "--seed", "2"], "--seed is given twice: give it once."),
        (["run", "fake", "--plots", "--no-plots"], "--plots is given twice: give it once."),
        (["run", "fake", "--option", "x=a\x07"], "cannot be printed"),
        (["run", "fake", "--setting", "a\tb: efficacy=1"], "cannot be printed"),
        (["list", "fakke"], "did you mean 'fake'"),
        (["list", "fake", "--population", "nowhere"], "unknown population 'nowhere'"),
        (["list", "--population", "nyc"], "belong to one study"),
    ],
)
def test_bad_input_gives_one_sentence_and_writes_nothing(home: Path, arguments: list[str], sentence: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert sentence in result.stderr
    assert list(home.iterdir()) == []


def test_a_population_may_make_it_another_study() -> None:
    result = call("run", "fake", "--population", "nyc", "--replicates", "1", *FAST)
    assert result.exit_code == 0, result.stderr
    assert "A wave elsewhere" in result.stdout


def test_a_folder_of_other_settings_is_refused_and_left_alone(home: Path) -> None:
    assert call("run", "fake", "--replicates", "1", "--out", "out", *FAST).exit_code == 0
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    result = call("run", "fake", "--replicates", "1", "--out", "out", "--agents", "999", *FAST)
    assert result.exit_code == 2
    assert "holds another" in result.stderr
    assert before == {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_a_failing_replicate_ends_with_one_and_an_interrupt_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    second = replicate_seed(0, 1)
    for knob, code, sentence in (
        ("fails_at", 1, f"replicate 1 (seed {second}) failed with ZeroDivisionError"),
        (
            "interrupts_at",
            130,
            "1 of 3 replicates are kept in out-interrupts_at; run the same again to go on.",
        ),
    ):
        study = FakeStudy(**{knob: (second,)})  # type: ignore[arg-type]
        monkeypatch.setattr("causal_lpm.cli.commands.load_study", lambda name, study=study: study)
        result = call("run", "fake", "--replicates", "3", "--out", f"out-{knob}", *FAST)
        assert result.exit_code == code
        assert sentence in " ".join(result.stderr.split())


def test_the_json_may_lie_in_the_new_output_folder_and_is_replaced(home: Path) -> None:
    for _ in range(2):
        result = call("run", "fake", "--replicates", "2", "--out", "out", "--json", "out/numbers.json", *FAST)
        assert result.exit_code == 0, result.stderr
    assert json.loads((home / "out" / "numbers.json").read_text())["study"] == "fake"
    before = (home / "out" / "manifest.json").read_bytes()
    result = call("run", "fake", "--replicates", "2", "--out", "out", "--json", "out/manifest.json", *FAST)
    assert result.exit_code == 2
    assert (home / "out" / "manifest.json").read_bytes() == before


def test_what_cannot_be_shown_hides_no_results(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no room for the axes")

    def disk_is_full(*_: object) -> None:
        raise OSError(28, "No space left on device", "out.json")

    monkeypatch.setattr("causal_lpm.cli.study_run.save_fan_charts", fails)
    monkeypatch.setattr("causal_lpm.cli.study_run.write_json", disk_is_full)
    result = call("run", "fake", "--replicates", "1", "--workers", "1", "--out", "out", "--json", "out.json")
    assert result.exit_code == 1
    assert "Results: out/results.nc" in result.stdout
    assert "A wave [fake]" in result.stdout
    assert result.stderr.splitlines()[-1] == (
        "causal-lpm: the JSON file out.json could not be made: out.json: no space left on device. "
        "the charts could not be made: no room for the axes. The results are complete."
    )
    assert load(home / "out" / "results.nc").attrs["study"] == "fake"


def test_an_output_folder_that_cannot_be_made_is_one_sentence(home: Path) -> None:
    (home / "letter").write_text("a letter")
    result = call("run", "fake", "--replicates", "1", "--out", "letter/out", *FAST)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == ["causal-lpm: letter/out: not a directory."]


def test_without_a_terminal_there_is_a_line_for_each_replicate() -> None:
    lines = [call("run", "fake", "--replicates", n, "--out", "out", *FAST).stderr.splitlines() for n in ("2", "3")]
    assert lines == [
        ["1 of 2 replicates are finished.", "2 of 2 replicates are finished."],
        ["2 of 3 replicates are there already.", "3 of 3 replicates are finished."],
    ]


def test_all_tables_have_replicates_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Study(FakeStudy):
        full_replicates = 5

    monkeypatch.setattr("causal_lpm.cli.commands.load_study", lambda name: Study())
    assert "5 replicates" in call("run", "fake", "--full", *FAST).stdout
    assert "4 replicates" in call("run", "fake", *FAST).stdout


def test_list_shows_policies() -> None:
    assert call("list", "fake", "--population", "nyc", "--option", "x=1").exit_code == 0
    result = call("list", "fake")
    assert result.exit_code == 0
    for shown in ("protection by the first dose", "1 to 365, whole", "yes or no"):
        assert shown in result.stdout


def test_list_shows_studies_and_says_why_one_cannot_be_loaded() -> None:
    result = call("list")
    assert result.exit_code == 0
    assert "A wave [fake]" in result.stdout
    assert "broken" in result.stdout


def test_doctor_fails_where_something_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    result = call("doctor")
    assert result.exit_code == 1
    assert "study broken" in result.stdout
    assert "torch" in result.stdout
    monkeypatch.setenv("CAUSAL_LPM_DATA", "/no/such/folder")
    assert "is not a folder" in " ".join(call("doctor").stdout.split())


def test_without_a_command_there_is_help() -> None:
    result = call()
    assert "whatif" in result.stdout + result.stderr
    assert call("--help").exit_code == 0

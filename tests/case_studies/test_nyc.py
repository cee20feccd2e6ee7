"""New York City: the doses that were given, and the same supply with second doses put off."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from chirho.interventional.handlers import do
from typer.testing import CliRunner

from case_studies.second_dose import nyc
from case_studies.second_dose.delivered import DeliveredDoses, read_doses
from case_studies.second_dose.model import second_dose
from case_studies.second_dose.study import study
from causal_lpm import KeyedNoise, Worlds
from causal_lpm.cli.commands import app
from causal_lpm.inference import Options

AGENTS, DAYS = 20_000, 60


def write(path: Path, rows: list[str], head: str = "date,dose1,dose2") -> Path:
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


@pytest.fixture
def doses(tmp_path: Path) -> Path:
    """40,000 first doses a day, and as many second doses from day 21 on."""
    rows = [f"2021-01-{d + 1:02d},40000,{40000 if d >= 21 else 0}" for d in range(31)]
    rows += [f"2021-02-{d + 1:02d},40000,40000" for d in range(28)]
    rows += [f"2021-03-{d + 1:02d},40000,40000" for d in range(31)]
    return write(tmp_path / "doses.csv", rows)


def test_doses_are_read_in_order(doses: Path) -> None:
    first_day, first, second = read_doses(doses, 30)
    assert first_day.isoformat() == "2021-01-01"
    assert first.tolist() == [40000.0] * 30
    assert second.tolist() == [0.0] * 21 + [40000.0] * 9


@pytest.mark.parametrize(
    ("rows", "head", "sentence"),
    [
        (["2021-01-01,1,2"], "date,dose1,second", "column 'dose2' is missing"),
        (
            ["2021-01-02,1,2", "2021-01-01,1,2"],
            "date,dose1,dose2",
            "line 3: the dates are out of order: 2021-01-01 comes after 2021-01-02",
        ),
        (["2021-01-01,1,2", "2021-01-04,1,2"], "date,dose1,dose2", "not one day apart"),
        (["2021-01-01,3,2", "2021-01-02,1,2", "2021-01-04,1,2"], "date,dose1,dose2", "line 4: the dates have a gap"),
        (["2021-01-01,0.5,2", "2021-01-02,1,2"], "date,dose1,dose2", "not whole persons"),
        (["01/02/2021,1,2", "02/02/2021,1,2"], "date,dose1,dose2", "line 2: '01/02/2021' is not a date like"),
        (
            ["2021-01-01,1,-2", "2021-01-02,1,2"],
            "date,dose1,dose2",
            "line 2: '-2' in column 'dose2' are not whole persons",
        ),
        (["2021-01-01,1,", "2021-01-02,1,2"], "date,dose1,dose2", "not whole persons"),
        (["2021-01-01,1,2"], "date,dose1,dose2", "simulate fewer days"),
        (['2021-01-01,"1,234",2', "2021-01-02,1,2"], "date,dose1,dose2", "digits only"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, rows: list[str], head: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_doses(write(tmp_path / "bad.csv", rows, head), 2)


TOTALS = [f"2021-01-{day:02d},{90_000 * day},{30_000 * max(0, day - 21)}" for day in range(1, 32)]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (TOTALS, "sum to 44,640,000, more than the 8,336,817 people of the city: do the columns hold totals so far"),
        (["2021-01-01,9000000,0", "2021-01-02,0,0"], "sum to 9,000,000, more than the 8,336,817 people"),
        (["2021-01-01,100,0", "2021-01-02,100,300"], "line 3: 300 second doses so far are more than the 200 first"),
        (["2021-01-01,0,1", "2021-01-02,100,0"], "line 2: 1 second doses so far are more than the 0 first doses so"),
        (["2021-01-01,5,0", "2021-01-02,5,0", "2021-01-03,5,99"], "line 4: 99 second"),  # beyond the days asked for
    ],
)
def test_doses_that_are_possible_by_day_and_impossible_as_a_whole(
    tmp_path: Path, rows: list[str], sentence: str
) -> None:
    file = write(tmp_path / "doses.csv", rows)
    with pytest.raises(ValueError, match=sentence):
        read_doses(file, 2)
    options = ["--do", "kick_in=7", "--population", "nyc", "--doses", str(file)]
    result = CliRunner().invoke(app, ["whatif", "second-dose", *options])
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("text", ["1_000", "١٠", "1e3", "1.0", "+5", "nan", "", "9" * 5000])
def test_doses_are_digits(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"line 2: .* in column 'dose1' are not whole persons") as caught:
        read_doses(write(tmp_path / "doses.csv", [f"2021-01-01,{text},0", "2021-01-02,1,0"]), 2)
    assert len(str(caught.value)) < 200


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file of doses"):
        read_doses(tmp_path / "none.csv", 2)
    with pytest.raises(ValueError, match="belongs to --population nyc"):
        study.variant({"doses": "x.csv"})
    with pytest.raises(ValueError, match="did you mean 'nyc'"):
        study.variant({"population": "nyk"})


def test_people_are_those_of_the_city() -> None:
    # Shares of 20,000 draws: 4.5 standard errors of the largest share, false alarm below 1e-5 a borough.
    people = nyc.new_york(AGENTS)
    assert sum(map(sum, nyc.POPULATION.values())) == pytest.approx(nyc.PERSONS, abs=5)
    for code, (borough, persons) in enumerate(nyc.POPULATION.items()):
        share = float((people["borough"] == code).float().mean())
        assert share == pytest.approx(sum(persons) / nyc.PERSONS, abs=4.5 * (0.25 / AGENTS) ** 0.5), borough
    assert bool((people["age_group"] == (people["year"] // 10).clamp(max=8)).all())


def test_the_supply_is_the_same_and_second_doses_come_later(doses: Path) -> None:
    york = study.variant({"population": "nyc", "doses": str(doses)})
    assert york.start_date == "2021-01-01"
    worlds = {"as given": {}, "later": {"second_dose_delay": 14.0}, "none": {"vaccination": 0}}
    options = Options(AGENTS, DAYS)
    york.check(worlds, options)
    given, again = york.simulate(worlds, options, 1), york.simulate(worlds, options, 1)
    assert all(np.array_equal(given[name], again[name]) for name in given)
    assert given["deaths"].shape == (3, len(york.groups), DAYS)
    # Until the first second dose the two schedules are one epidemic.
    assert np.array_equal(given["infections"][0, :, :22], given["infections"][1, :, :22])
    assert given["infections"][2].sum() >= given["infections"][0].sum() * 0.9


def test_defaults_written_out_change_nothing(doses: Path) -> None:
    york = study.variant({"population": "nyc", "doses": str(doses)})
    written = {name: policy.default for name, policy in york.policies.items()}
    counts = york.simulate({"defaults": {}, "written": written}, Options(5_000, 40), 3)
    assert all(np.array_equal(series[0], series[1]) for series in counts.values())
    other = york.simulate({"more contacts": {"contact_scale": 1.0}}, Options(5_000, 40), 3)
    assert other["infections"].sum() > counts["infections"][0].sum() * 1.5


def test_a_schedule_is_a_site_for_do(doses: Path) -> None:
    york = study.variant({"population": "nyc", "doses": str(doses)})
    prepared = nyc._prepared(2_000, "described", "cpu")
    first = nyc._scaled(read_doses(doses, 40)[1], 2_000)
    campaign = DeliveredDoses(first=first, second=torch.zeros(40))
    begin = nyc._Beginning(york.immune, york.daily_infections)

    def given(*handlers: object) -> list[int]:
        with ExitStack() as stack:
            for handler in (KeyedNoise(1), *handlers):
                stack.enter_context(handler)  # type: ignore[arg-type]
            run = second_dose(replace(prepared, campaign=campaign), 40, begin)
        return run.tallies["first_doses"].sum(-1).flatten().tolist()

    none = torch.zeros(40)
    assert given(do(actions={"first_dose_schedule": none})) == [0]
    assert given(Worlds(["as planned", "none"]), do(actions={"first_dose_schedule": none})) == [*given(), 0]
    assert given()[0] > 0


def test_scaled_doses_are_whole_and_right_in_sum(doses: Path) -> None:
    _, first, _ = read_doses(doses, 60)
    scaled = nyc._scaled(first, AGENTS)
    assert bool((scaled == scaled.round()).all())
    assert float(scaled.sum()) == pytest.approx(float(first.sum()) * AGENTS / nyc.PERSONS, abs=1)


def test_the_doses_are_the_real_ones_where_no_file_is_given() -> None:
    york = study.variant({"population": "nyc"})
    assert york.start_date == "2020-12-14"
    first_day, first, second = read_doses(york.doses, 180)
    assert first_day.isoformat() == "2020-12-14"
    assert (int(first.sum()), int(second.sum())) == (4_625_983, 4_074_813)


@pytest.mark.parametrize(
    "options", [{"immune": "abc"}, {"immune": -3.0}, {"immune": float("nan")}, {"daily_infections": 5.0}]
)
def test_assumptions_that_mean_nothing_are_refused(doses: Path, options: dict[str, str | float]) -> None:
    def check() -> None:
        york = study.variant({"population": "nyc", "doses": str(doses), **options})
        york.check({"x": {}}, Options(AGENTS, DAYS))

    with pytest.raises(ValueError, match="between 0 and 1"):
        check()


def test_sizes_that_mean_nothing_are_refused(doses: Path) -> None:
    york = study.variant({"population": "nyc", "doses": str(doses)})
    with pytest.raises(ValueError, match="days is 3651: the model knows ten years"):  # it counts them in 16 bits
        study.check({"x": {}}, Options(AGENTS, 3651))
    with pytest.raises(ValueError, match="leave age groups empty"):
        york.check({"x": {}}, Options(1, DAYS))
    with pytest.raises(ValueError, match="agents need about"):
        york.check({"x": {}}, Options(10**12, DAYS))


def test_worlds_do_not_depend_on_their_company(doses: Path) -> None:
    york = study.variant({"population": "nyc", "doses": str(doses)})
    worlds = york.worlds("full")[0]  # more than run side by side
    together = york.simulate(worlds, Options(2_000, 30), 2)
    for i in (0, 8, len(worlds) - 1):
        name = list(worlds)[i]
        alone = york.simulate({name: worlds[name]}, Options(2_000, 30), 2)
        assert all(np.array_equal(together[name][i], alone[name][0]) for name in alone)

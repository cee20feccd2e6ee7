import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import KeyedNoise, Rollout, Simulation, comparing, create, event, policy, rollout, tally
from causal_lpm.agents import Groups, Population, TimedPolicy, start
from causal_lpm.inference import predict
from causal_lpm.simulations import WhatIf
from causal_lpm.simulations.tables import unfinished
from tests.templates.town import town

DAYS, SEEDS = 30, 3


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return create("seir", town(800), r0=3.0, seed=4).run(DAYS, SEEDS, progress=False, start_date="2020-03-01")


def own_model(population: Any, days: int, rate: float = 0.1) -> Rollout:
    shield = policy("shielded", 0.0)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        fell = event("illness", rate * (1 - s["shielded"]), where=s["stage"] == 0)
        tally("fell_ill", fell)
        tally("ill", s["stage"] + fell == 1, stock=True)
        return {**s, "stage": s["stage"] + fell}

    return rollout(day, start(population.people, shielded=shield), days)


def test_it_runs_what_predict_runs(simulation: Simulation) -> None:
    seen = predict(simulation.model(DAYS), {}, {"as it is": {}}, replicates=SEEDS, seed=4)
    for name in seen.data_vars:
        assert np.array_equal(seen[name].values, simulation.to_xarray()[name].values)


def test_a_seed_does_not_depend_on_how_many_there_are(simulation: Simulation) -> None:
    one = create("seir", town(800), r0=3.0, seed=4).run(DAYS, 1, progress=False)
    assert np.array_equal(one.to_xarray()["cases"].values[:, :, 0], simulation.to_xarray()["cases"].values[:, :, 0])


def test_worlds_of_a_question_are_runs_of_their_own(simulation: Simulation) -> None:
    asked = simulation.whatif({"closed": {"school_closure_day": 5}}, progress=False)
    alone = create("seir", town(800), r0=3.0, seed=4, school_closure_day=5).run(DAYS, SEEDS, progress=False)
    for name in ("infections", "infectious"):
        worlds = asked.to_xarray()[name]
        assert np.array_equal(worlds.sel(world="as it is").values, simulation.to_xarray()[name].values[0])
        assert np.array_equal(worlds.sel(world="closed").values, alone.to_xarray()[name].values[0])


def test_a_scenario_is_against_the_policies_as_they_are() -> None:
    base = create("seir", town(800), r0=3.0, school_closure_day=5).run(20, 2, progress=False)
    asked = base.whatif({"open": {"school_closure_day": -1}}, progress=False)
    assert base.policies["school_closure_day"] == 5
    assert asked.to_frame().loc[("infections", "open"), "averted"] < 0


def test_what_is_averted_and_its_error(simulation: Simulation) -> None:
    asked = simulation.whatif({"closed": {"school_closure_day": 5}}, progress=False)
    assert isinstance(asked, WhatIf)
    totals = asked.to_xarray()["infections"].sum(("group", "day")).values[:, 0]
    differences = totals[0] - totals[1]
    row = asked.to_frame().loc[("infections", "closed")]
    assert row["averted"] == pytest.approx(differences.mean())
    assert row["mc error"] == pytest.approx(differences.std(ddof=1) / SEEDS**0.5)
    assert row["low"] < row["averted"] < row["high"]
    assert "infectious" not in asked.to_frame().index.get_level_values("series")
    with pytest.raises(ValueError, match="unknown series of new events 'infectious'"):
        asked.effects("infectious")


def test_frames_have_one_row_a_seed_place_and_day(simulation: Simulation) -> None:
    frame = simulation.to_frame()
    assert list(frame.columns[:4]) == ["seed", "borough", "day", "date"]
    assert len(frame) == SEEDS * 3 * DAYS
    assert frame["date"].iloc[1] == pd.Timestamp("2020-03-02")
    assert frame["infections"].sum() == int(simulation.to_xarray()["infections"].sum())


def two_towns(population: Any, days: int, closing_day: float = 999.0) -> Rollout:
    """Cases by town, tests of all together, and policies of several kinds."""
    closed, campaign = policy("closing_day", closing_day), TimedPolicy("masks", strength=0.5)
    town = population.people["town"]

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        fell = event("illness", 0.02 * (s["t"] < s["closing_day"]) * campaign.left(s), where=s["stage"] == 0)
        tally("tests", fell)
        tally("fell_ill", fell, by=town, groups=2)
        return {**s, "stage": s["stage"] + fell}

    return rollout(day, start(population.people, closing_day=closed, **campaign.policies()), days)


@pytest.fixture(scope="module")
def towns() -> Simulation:
    people = Population({"town": torch.arange(400) % 2}, labels={"town": ("Bath", "Ely")})
    return create(two_towns, people).run(20, 2, progress=False)


def test_a_series_that_is_not_counted_by_place_has_rows_of_its_own(towns: Simulation) -> None:
    frame = towns.to_frame()
    assert set(frame["town"]) == {"Bath", "Ely", "all"}
    assert frame["tests"].notna().sum() == 2 * 20
    daily = frame.groupby(["seed", "day"])[["tests", "fell_ill"]].sum()
    assert (daily["tests"] == daily["fell_ill"]).all()
    assert daily["tests"].sum() == int(towns.to_xarray()["tests"].sum()) > 0


def test_what_is_counted_by_place_is_shown_first(towns: Simulation) -> None:
    asked = towns.whatif({"closed": {"closing_day": 3}}, progress=False)
    assert asked.counted == ["fell_ill", "tests"]
    assert asked.plot().axes[0].get_ylabel().startswith("fell_ill")


def test_only_a_model_that_says_never_itself_has_a_day_that_is_never(towns: Simulation) -> None:
    ranges = towns.study().policies
    assert (ranges["closing_day"].low, ranges["closing_day"].description) == (0, "a day")
    assert (ranges["masks_start"].low, ranges["masks_start"].high) == (-1, 20)
    assert ranges["masks_start"].description == "a day; -1: never"
    later = create(two_towns, towns.population.people, masks_start=4).run(20, 1, progress=False)
    assert later.study().policies["masks_start"].description == "a day; -1: never"


def test_an_answer_says_which_worlds_are_not_over(towns: Simulation) -> None:
    asked = towns.whatif({"closed": {"closing_day": 3}}, progress=False)
    note = next(line for line in repr(asked).splitlines() if "Not over after 20 days" in line)
    assert "'as it is' still has" in note
    assert "'closed'" not in note
    assert note.strip().removesuffix(">") in asked._repr_html_().replace("&#x27;", "'")
    assert any("Not over after 20 days" in limit for limit in asked.contents().limits)
    assert not any("Not over" in limit for limit in towns.contents().limits)
    over = towns.whatif({"closed": {"closing_day": 3}, "at once": {"closing_day": 2}}, progress=False).predictions
    assert not unfinished(over.sel(world=["closed", "at once"]), towns.units)


def test_what_there_is_none_of_has_no_share(towns: Simulation) -> None:
    shut = create(two_towns, towns.population.people, closing_day=0.0)
    asked = shut.whatif({"open": {"closing_day": 9}}, days=12, seeds=2, progress=False)
    assert "there are none as it is" in repr(asked)
    assert "nan" not in repr(asked)


def test_totals_are_of_new_events_and_peaks_of_stocks(simulation: Simulation) -> None:
    daily = simulation.to_frame().groupby(["seed", "day"])[["cases", "infectious"]].sum()
    table = simulation.summary()
    assert table.loc["cases", "mean"] == pytest.approx(daily["cases"].groupby("seed").sum().mean())
    assert table.loc["infectious", "mean"] == pytest.approx(daily["infectious"].groupby("seed").max().mean())


def test_it_says_in_short_what_it_is(simulation: Simulation) -> None:
    assert repr(create("seir", town(800))) == "<seir in population of one's own, 800 agents; not run yet>"
    lines = repr(simulation).splitlines()
    assert lines[0] == "<seir in population of one's own, 800 agents, 30 days, 3 seeds"
    assert len(lines) == 5
    asked = simulation.whatif({"<b>": {"school_closure_day": 5}}, progress=False)
    assert "<b>" not in asked._repr_html_()
    assert re.search(r"infections, <b>: \d+ averted \(Monte-Carlo error", repr(asked))
    assert "cases" in simulation._repr_html_()
    assert "Not run yet" in create("seir", town(800))._repr_html_()


def test_a_model_of_ones_own() -> None:
    people = Population({"age": torch.zeros(500)})
    found = create(own_model, people, rate=0.05).run(10, 2, progress=False)
    assert found.units == {"fell_ill": "new", "ill": "stock"}
    assert found.to_frame()["ill"].iloc[-1] > 0
    asked = found.whatif({"shielded": {"shielded": 1.0}}, progress=False)
    assert asked.to_frame().loc[("fell_ill", "shielded"), "share averted"] == 1.0
    with comparing({"alone": {}}), KeyedNoise(1):  # nothing that the model must know about
        assert own_model(found.population, 3).tallies["ill"].shape[-1] == 3


def test_groups_that_are_no_places_do_not_get_their_names() -> None:
    where = torch.tensor([0, 0, 1, 2, 2, 2])
    people = Population({"district": where, "ward": where % 2}, {"district": ("A", "B", "C"), "ward": ("N", "S")})

    def by(groups: torch.Tensor) -> Simulation:
        def model(population: Any, days: int) -> Rollout:
            def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
                tally("seen", torch.ones(6, dtype=torch.bool), by=groups, groups=3)
                return s

            return rollout(day, start(population.people), days)

        return create(model, people).run(days=2, seeds=1, progress=False)

    places, ages = by(where), by(torch.tensor([0, 1, 2, 0, 1, 2]))
    first = places.to_frame().query("day == 0")
    assert dict(zip(first["district"], first["seen"], strict=True)) == {"A": 2, "B": 1, "C": 3}
    assert ages.to_frame()["group"].unique().tolist() == ["0", "1", "2"]
    assert "group_size" not in ages.to_xarray().coords


def test_a_place_where_nobody_lives_has_no_rate_and_is_on_the_map(tmp_path: Path) -> None:
    labels = ("Bronx", "Brooklyn", "Manhattan", "Queens", "Staten Island")
    borough = torch.arange(300) % 2 * 3
    people = Population({"borough": borough, "household": torch.arange(300) // 3}, {"borough": labels})
    networks = {"household": Groups(people["household"])}
    outlines = {"borough": "outlines_nyc_boroughs.geojson"}
    here = SimpleNamespace(people=people, networks=networks, places={"borough": labels}, outlines=outlines)
    simulation = create("seir", here, initial=100).run(days=8, seeds=2, progress=False)
    cases = simulation.to_frame().groupby("borough")["cases"].sum()
    assert set(cases[cases > 0].index) == {"Bronx", "Queens"}
    written = simulation.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Staten Island" in written
    assert simulation.map(per_100k=True).axes


def test_each_seed_has_a_draw_of_its_own_of_a_prior() -> None:
    drawn = create("seir", town(500), r0=dist.Uniform(0.0, 5.0)).run(20, 4, progress=False)
    assert dict(drawn.to_xarray().sizes)["draw"] == 4
    assert drawn.to_frame()["seed"].nunique() == 4


@pytest.mark.parametrize(
    ("question", "error", "message"),
    [
        ({}, ValueError, "there is no scenario"),
        ({"a": {}}, ValueError, "the scenario 'a' changes nothing"),
        ({"a": {"school_closur_day": 3}}, ValueError, "unknown policy 'school_closur_day': did you mean"),
        ({"a": {"school_closure_day": "x"}}, ValueError, "world 'a' sets policy 'school_closure_day' to 'x'"),
        ({"as it is": {"school_closure_day": 3}}, ValueError, "the scenario 'as it is' has the name of the world"),
        ({"a": 3}, TypeError, "scenarios name each world and what it sets"),
    ],
)
def test_a_bad_question_is_one_sentence(
    simulation: Simulation, question: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        simulation.whatif(question, progress=False)


def test_nothing_is_shown_before_it_ran() -> None:
    idle = create("seir", town(800))
    for ask in (idle.to_frame, idle.plot, idle.map, idle.summary):
        with pytest.raises(ValueError, match="the simulation has not run yet: call run"):
            ask()
    with pytest.raises(ValueError, match="days is 0"):
        idle.run(0)
    with pytest.raises(ValueError, match="seeds is 0"):
        idle.run(3, 0)
    with pytest.raises(ValueError, match="days is 0"):
        idle.whatif({"closed": {"school_closure_day": 5}}, days=0)
    with pytest.raises(ValueError, match="seeds is 0"):
        idle.whatif({"closed": {"school_closure_day": 5}}, seeds=0)


def test_charts_say_what_is_counted(simulation: Simulation) -> None:
    labels = [axes.get_ylabel() for axes in simulation.plot().axes]
    assert labels[0] == "infections\n(new per day)"
    assert labels[3] == "infectious\n(at the end of the day)"
    asked = simulation.whatif({"closed": {"school_closure_day": 5}}, progress=False)
    assert [axes.get_ylabel() for axes in asked.plot("cases").axes] == [
        "cases\n(new per day)",
        "cases\n(averted so far)",
    ]
    for figure in (simulation.plot("cases"), asked.plot("cases")):
        said = figure.axes[0].get_title(loc="left").replace("\n", " ")
        assert said.startswith(f"Not conditioned on an outbreak: in 0 of {SEEDS} runs of 'as it is'")
        assert f"{SEEDS} runs" in figure.legends[0].get_title().get_text()
    with pytest.raises(ValueError, match="unknown series 'case': did you mean 'cases'"):
        simulation.plot("case")
    assert simulation.plot("cases")._repr_png_()[:4] == b"\x89PNG"


def test_a_page_and_a_report_take_it_as_it_is(simulation: Simulation) -> None:
    study = simulation.study()
    worlds = {"as it is": {}, "closed": {"school_closure_day": 5.0}}
    asked = simulation.whatif({"closed": {"school_closure_day": 5}}, progress=False)
    assert study.outcomes == ("infections", "cases", "deaths")
    assert study.policies["school_closure_day"].low == -1
    assert asked.contents().references == {"closed": "as it is"}
    assert simulation.contents().predictions is simulation.to_xarray()
    from causal_lpm.inference import Options

    options = Options(800, DAYS)
    study.check(worlds, options)
    assert study.simulate(worlds, options, 1)["cases"].shape == (2, 3, DAYS)


def test_a_report_has_the_effects_with_their_error_and_how_many_died_out(simulation: Simulation) -> None:
    asked = simulation.whatif({"closed": {"school_closure_day": 5}}, progress=False)
    totals, averted = asked.contents().tables
    row = asked.to_frame().loc[("infections", "closed")]
    found = dict(zip(averted.columns, averted.rows[0], strict=True))
    mean, error = found["mean ± Monte-Carlo error"].replace(",", "").split(" ± ")
    assert (float(mean), float(error)) == pytest.approx((row["averted"], row["mc error"]), abs=0.5)
    assert found["contrast"] == "closed against as it is"
    assert "paired: the worlds share their luck" in averted.caption
    assert {cells[-1] for cells in totals.rows} == {f"0 of {SEEDS}"}
    assert [table.title for table in simulation.contents().tables] == ["Totals over all days"]


def test_one_seed_has_no_monte_carlo_error_and_the_report_says_so(simulation: Simulation) -> None:
    asked = simulation.whatif({"closed": {"school_closure_day": 5}}, seeds=1, progress=False)
    averted = asked.contents().tables[1]
    assert all(row[2].endswith("± not known") for row in averted.rows)


def test_it_runs_the_same_by_an_executor(simulation: Simulation) -> None:
    with ThreadPoolExecutor(2) as executor:
        again = create("seir", town(800), r0=3.0, seed=4)
        again.run(DAYS, SEEDS, progress=False, start_date="2020-03-01", executor=executor)
        assert again.to_xarray().equals(simulation.to_xarray())
        asked = again.whatif({"closed": {"school_closure_day": 5}}, progress=False, executor=executor).to_frame()
    assert asked.equals(simulation.whatif({"closed": {"school_closure_day": 5}}, progress=False).to_frame())
    with pytest.raises(
        ValueError, match="executor is 'spark': give loky, dask, dask://host:port, ray or ray://host:port"
    ):
        again.run(DAYS, SEEDS, progress=False, executor="spark")

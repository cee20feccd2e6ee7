"""The search for causes against enumeration, against single runs of a population, and against exact quadrature."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention
from chirho.interventional.handlers import do

from causal_lpm import Rollout, Seeds, event, exposure, observed, policy, rollout, tally
from causal_lpm.agents import Population, random_graph, start
from causal_lpm.inference import Candidate, explain

BOTH = ("lightning", "match")
EITHER = {name: Candidate(alternative=0.0, cause=1.0) for name in BOTH}
SHARES = {"lightning": 0.4, "match": 0.7}


def forest(burns: Callable[[Any, Any], Any]) -> Callable[[], dict[str, torch.Tensor]]:
    """Lightning and a match, each with its share, a spark that the lightning makes, and a fire."""

    def model() -> dict[str, torch.Tensor]:
        lightning, match = (pyro.sample(name, dist.Bernoulli(SHARES[name])) for name in BOTH)
        spark = pyro.deterministic("spark", lightning.clone(), event_dim=0)
        return {"fire": burns(spark, match)}

    return model


def enumerated(burns: Callable[[Any, Any], Any], held: float) -> dict[tuple[str, str], float]:
    """Exact necessity, sufficiency and responsibility: all contexts, sets of candidates, and held witnesses."""
    totals: dict[tuple[str, str], np.ndarray[Any, Any]] = {}
    contexts, sets = itertools.product((0, 1), repeat=2), list(itertools.product((0, 1), repeat=2))
    for (lightning, match), changed, hold in itertools.product(contexts, sets, (0, 1)):
        weight = 0.25 * (held if hold else 1 - held)
        for name, value in zip(BOTH, (lightning, match), strict=True):
            weight *= SHARES[name] if value else 1 - SHARES[name]

        def fire(
            acts: int, context: tuple[int, int] = (lightning, match), sets: Any = changed, hold: int = hold
        ) -> bool:
            own = [acts if chosen else value for chosen, value in zip(sets, context, strict=True)]
            return bool(burns(context[0] if hold else own[0], own[1]))

        was, without, kept = bool(burns(lightning, match)), fire(0), fire(1)
        at_hand = lightning == match == 1
        for name, chosen in zip(BOTH, changed, strict=True):
            single = sum(changed) == 1
            for measure, counts, holds in (
                ("necessity", chosen and single and at_hand and was, not without),
                ("alone", not chosen and single and at_hand, without),
                ("sufficiency", chosen, kept),
                ("responsibility", chosen and at_hand, kept and not without),
            ):
                if counts:
                    totals.setdefault((name, measure), np.zeros(2))
                    totals[name, measure] += weight * np.array([holds, 1.0])
    return {key: found / all_ for key, (found, all_) in totals.items()}


def both(a: Any, b: Any) -> Any:
    return a * b


def either(a: Any, b: Any) -> Any:
    return a + b - a * b


@pytest.mark.parametrize("burns", [both, either])
@pytest.mark.parametrize("held", [0.0, 0.3])
def test_a_forest_fire_has_its_enumerated_causes(burns: Callable[[Any, Any], Any], held: float) -> None:
    exact = enumerated(burns, held)
    found = explain(
        forest(burns), None, lambda run: run["fire"], EITHER, witnesses=["spark"], held=held, traces=8000, seed=5
    )
    assert len(exact) == 8
    for (name, measure), value in exact.items():
        one = found.of(name, measure)
        assert one.supported
        # 32 comparisons at 4.2 standard errors: a false alarm in 32 x 2.7e-5 = 9e-4 of seeds.
        assert abs(one.mean - value) <= 4.2 * one.standard_error, (name, measure, one, value)


def test_responsibility_is_that_of_chockler_and_halpern_for_two() -> None:
    """1 where the fire needs both, 1/2 where one would do."""
    for burns, expected in ((both, 1.0), (either, 0.5)):
        found = explain(forest(burns), None, lambda run: run["fire"], EITHER, traces=4000)
        for name in BOTH:
            one = found.of(name, "responsibility")
            assert abs(one.mean - expected) <= 4.2 * one.standard_error


def suzy_and_billy() -> dict[str, torch.Tensor]:
    """Both throw at a bottle, and Suzy's stone arrives first (Halpern 2016, example 2.3.3)."""
    suzy, billy = (policy(name, 1.0) for name in ("suzy", "billy"))
    hit = pyro.deterministic("billy_hits", billy * (1 - suzy), event_dim=0)
    return {"shatters": torch.maximum(suzy, hit)}


@pytest.mark.parametrize("held", [0.0, 1.0])
def test_suzy_alone_is_a_cause_once_it_is_held_that_billy_did_not_hit(held: float) -> None:
    found = explain(
        suzy_and_billy,
        None,
        lambda run: run["shatters"],
        {"suzy": 0.0, "billy": 0.0},
        witnesses=["billy_hits"],
        held=held,
        traces=500,
    )
    assert found.without("suzy").mean == 1 - held
    assert found.without("billy").mean == 1.0
    assert found.without(["suzy", "billy"]).mean == 0.0


CONTACTS = random_graph(150, mean_degree=6, seed=1)
STAGE = (torch.arange(150) % 30 == 0).to(torch.uint8)
SEEDS = torch.arange(120).reshape(40, 3) + 1000  # of three blocks of agents
RATES = torch.linspace(0.05, 0.3, 40)[:, None]
MEASURES = {"closure": 0.6, "masks": 0.6}


def outbreak() -> Rollout:
    """Two measures that are in force, a rate that is inferred, and 12 days of an epidemic."""
    rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.5))
    entries = {name: policy(name, share) for name, share in MEASURES.items()}

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        open_ = (1 - s["closure"]) * (1 - s["masks"])
        force = rate * open_ * exposure(CONTACTS, s["stage"] == 1)
        infected = event("infection", force, where=s["stage"] == 0)
        tally("cases", infected)
        return {**s, "stage": s["stage"] + infected}

    return rollout(day, start(Population({"stage": STAGE}), **entries), 12)


class Paths:
    """As an abduction: the parameters and the luck of 40 paths."""

    @contextmanager
    def replay(self) -> Iterator[None]:
        with (
            Seeds("luck", (0, 5), blocks=3),
            pyro.poutine.condition(data={"rate": RATES, "luck_0": SEEDS, "luck_1": SEEDS + 999}),
        ):
            yield


def many(run: Rollout) -> torch.Tensor:
    return run.tallies["cases"].sum((-1, -2)) > 25


def cases(run: Rollout) -> torch.Tensor:
    return run.tallies["cases"].sum((-1, -2))


@pytest.mark.parametrize("sites", [tuple(MEASURES), ("masks", "t=1/infection"), ("t=2/infection",)])
def test_every_trace_of_a_replay_is_the_run_of_that_path_without_its_set(sites: tuple[str, ...]) -> None:
    """Policies and events: without the measures, or without the infections of a day."""
    found = explain(
        outbreak, Paths(), many, dict.fromkeys(sites, 0.0), traces=290, measures={"cases": cases}, changed=0.6
    )
    assert found.traces.attrs["kind"] == "counterfactual"
    runs = {}
    for changed in itertools.product((False, True), repeat=len(sites)):
        acts = {name: torch.tensor(0.0) for name, one in zip(sites, changed, strict=True) if one}
        with Paths().replay(), do(actions=acts):
            runs[changed] = cases(outbreak()).flatten().numpy()
    was = runs[(False,) * len(sites)]
    traces = found.traces
    assert traces.sizes["trace"] == 320
    for i in range(320):
        path, changed = int(traces["case"][i]), tuple(traces["changed"].values[i].tolist())
        expected = [was[path], runs[changed][path], was[path]]
        assert traces["cases"].values[i].tolist() == expected
        assert traces["outcome"].values[i].tolist() == [number > 25 for number in expected]
    assert {tuple(row) for row in traces["changed"].values.tolist()} == set(runs)
    assert 0 < traces["outcome"].values[:, 0].mean() < 1
    assert any((runs[changed] != was).any() for changed in runs)
    share = traces["changed"].values.mean(0)
    assert np.allclose(share, 0.6, atol=1 / 40)  # up to rounding in each run


def test_standard_errors_count_paths_and_not_their_traces() -> None:
    """With forty traces a path, the outcome as it was is known from 40 paths and no better."""
    found = explain(outbreak, Paths(), many, dict.fromkeys(MEASURES, 0.0), traces=1600, enough=30)
    one, share = found.factual(), found.factual().mean
    assert (one.traces, one.cases) == (1600, 40)
    assert one.standard_error == pytest.approx(np.sqrt(share * (1 - share) / 39))
    assert found.status == "supported" or "sufficiency" not in found.status


def test_an_event_that_did_not_happen_is_no_cause() -> None:
    """On some paths nobody is infected on day 0: what would be undone there was not there."""
    found = explain(outbreak, Paths(), many, {"t=0/infection": 0.0}, traces=40)
    with Paths().replay():
        infected = outbreak().tallies["cases"][..., 0, 0].flatten() > 0
    assert 0 < int(infected.sum()) < 40
    assert found.traces["present"].values[:, 0].tolist() == infected.tolist()


def test_a_prior_of_agents_is_explained_with_luck_of_its_own() -> None:
    found = explain(outbreak, None, many, {"masks": 0.0}, traces=60, measures={"cases": cases})
    assert found.traces.attrs["kind"] == "paired"
    assert len(np.unique(found.traces["cases"].values[:, 0])) > 20
    again = explain(outbreak, None, many, {"masks": 0.0}, traces=60, measures={"cases": cases})
    assert found.traces.identical(again.traces)
    # Measures that are less strict can only make for more infections in the first step, and did so over twelve days.
    assert found.without("masks", "cases").mean > found.factual("cases").mean


def test_few_traces_and_refused_abductions_say_so() -> None:
    found = explain(forest(both), None, lambda run: run["fire"], EITHER, traces=40)
    assert "necessity of lightning" in found.status
    table = found.to_dataframe()
    assert table.loc[("match", "necessity"), "status"].startswith("too few: ")
    assert table.attrs == {"kind": "paired", "abduction": "none"}
    refused = Paths()
    refused.status = "interventional only"  # type: ignore[attr-defined]
    found = explain(outbreak, refused, many, {"masks": 0.0}, traces=40, enough=2)
    assert found.status == "the abduction was refused: interventional only"
    assert found.to_dataframe()["status"].str.startswith("interventional only").all()
    assert not found.factual().supported


def with_data() -> dict[str, torch.Tensor]:
    observed("survey", dist.Normal(0.0, 1.0), torch.tensor([1.0]))
    return forest(both)()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"candidates": {"lightening": 0.0}}, "unknown site 'lightening': did you mean 'lightning'"),
        ({"candidates": {}}, "no candidate"),
        ({"witnesses": ["sparks"]}, "unknown site 'sparks'"),
        ({"witnesses": ["match"]}, "match"),
        ({"outcome": "fires"}, "unknown site 'fires'"),
        ({"outcome": "match"}, "match"),
        ({"outcome": lambda run: run["fire"] + 1.5}, "the outcome is .* in a draw"),
        ({"outcome": lambda run: run["fire"].sum() > 3}, "one number a draw"),
        ({"outcome": lambda run: torch.zeros(5, 2, 1)}, "one number a draw"),
        ({"measures": {"n": lambda run: torch.zeros(7)}}, "measure 'n' has shape"),
        ({"measures": {"held": lambda run: run["fire"]}}, "rename"),
        ({"changed": 1.5}, "changed is 1.5"),
        ({"traces": 0}, "traces is 0"),
        ({"enough": 1}, "enough is 1"),
        ({"model": with_data}, "'survey' has data inside"),
    ],
)
def test_what_cannot_be_explained_is_refused(changes: dict[str, Any], message: str) -> None:
    asked = {"model": forest(both), "abduction": None, "outcome": lambda run: run["fire"], "candidates": EITHER}
    with pytest.raises(ValueError, match=message):
        explain(**{**asked, "traces": 20, **changes})


def test_what_cannot_be_replayed_is_no_abduction() -> None:
    with pytest.raises(TypeError, match="the abduction is a dict: give what abduct found"):
        explain(outbreak, {"masks": 0.0}, many, {"masks": 0.0}, traces=20)


def test_an_outcome_that_is_no_truth_value_in_some_draw_is_refused_where_it_turns_up() -> None:
    seldom = lambda run: torch.where(run["fire"] * (run["fire"].cumsum(-2) > 5) > 0, 2.0, run["fire"])  # noqa: E731
    with pytest.raises(ValueError, match="the outcome is 2 in a draw"):
        explain(forest(either), None, seldom, EITHER, traces=50)


def test_an_intervention_of_the_model_acts_in_every_world() -> None:
    """The masks come off on day 2 whatever the search does, so that only two days can differ."""

    def model() -> Rollout:
        masks = policy("masks", 0.8)

        def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            tally("worn", s["masks"])
            return s

        with StaticIntervention(2.0, {"masks": torch.tensor([0.0])}):
            return rollout(day, {"masks": masks, "agents": torch.zeros(4)}, 5)

    worn = lambda run: run.tallies["worn"][..., 0, :2].sum(-1, keepdim=True)  # noqa: E731
    later = lambda run: run.tallies["worn"][..., 0, 2:].sum(-1, keepdim=True)  # noqa: E731
    found = explain(
        model, None, lambda run: worn(run) > 1, {"masks": 0.25}, traces=10, measures={"worn": worn, "later": later}
    )
    changed = found.traces["changed"].values[:, 0]
    assert 0 < changed.sum() < 10
    assert np.allclose(found.traces["worn"].values[changed], [1.6, 0.5, 1.6])
    assert np.allclose(found.traces["worn"].values[~changed], 1.6)
    assert (found.traces["later"].values == 0).all()


@pytest.mark.parametrize("abduction", [None, Paths()])
def test_reports_are_drawn_and_the_same_each_time(abduction: Any) -> None:
    def reported() -> dict[str, torch.Tensor]:
        mean = cases(outbreak())[..., None] + 1.0
        return {"reports": observed("reports", dist.Poisson(mean).to_event(0))}

    asked = {"outcome": lambda run: run["reports"] > 20, "measures": {"reports": lambda run: run["reports"]}}
    one, two = (explain(reported, abduction, candidates={"masks": 0.0}, traces=40, **asked) for _ in range(2))
    assert one.traces.identical(two.traces)
    assert len(np.unique(one.traces["reports"].values)) > 10

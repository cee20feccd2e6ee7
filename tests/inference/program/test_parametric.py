"""A model as a function of its parameters: which it has, where they stand, and what is refused before anything runs."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import KeyedNoise, event, observed, policy, rollout, tally
from causal_lpm.agents.observation import negative_binomial
from causal_lpm.handlers import Rollout
from causal_lpm.inference.program.parametric import parametric
from causal_lpm.typing import State

AGENTS = 12
BOROUGH = torch.arange(AGENTS) % 3
DAYS_RUN: list[int] = []


def model() -> Rollout:
    rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.5))
    layers = pyro.sample("layers", dist.LogNormal(torch.zeros(2), 1.0).to_event(1))
    with pyro.plate("boroughs", 3):
        borough = pyro.sample("borough", dist.Gamma(2.0, 2.0))
    masks = policy("masks", 0.5)

    def day(s: State) -> State:
        DAYS_RUN.append(1)
        hazard = rate * (layers[..., 0] + 2 * layers[..., 1]) * borough[..., BOROUGH] * s["masks"]
        tally("hazard", hazard, by=BOROUGH, groups=3)
        tally("infections", event("infection", hazard))
        return s

    run = rollout(day, {"stage": torch.zeros(AGENTS), "masks": masks}, 3)
    observed("cases", negative_binomial(run.tallies["infections"]).to_event(1))
    return run


AT = {"rate": 0.1, "layers": [1.0, 0.5], "borough": torch.tensor([1.0, 2.0, 3.0])}


def test_the_parameters_are_those_sampled_before_the_rollout_and_nothing_is_simulated() -> None:
    DAYS_RUN.clear()
    subject = parametric(model, at=AT)
    assert not DAYS_RUN
    assert subject.labels == ["rate", "layers[0]", "layers[1]", "borough[0]", "borough[1]", "borough[2]"]
    assert subject.values.tolist() == pytest.approx([0.1, 1.0, 0.5, 1.0, 2.0, 3.0])
    assert subject.agents == AGENTS


def test_policies_are_parameters_where_they_are_named() -> None:
    subject = parametric(model, ["masks", "rate"], AT)
    assert subject.labels == ["masks", "rate"]
    assert subject.values.tolist() == pytest.approx([0.5, 0.1])
    assert set(subject.fixed) == {"layers", "borough"}


def test_values_may_come_from_a_condition() -> None:
    conditioned = pyro.condition(model, data={name: torch.as_tensor(value) for name, value in AT.items()})
    assert parametric(conditioned).values.tolist() == pytest.approx([0.1, 1.0, 0.5, 1.0, 2.0, 3.0])
    assert parametric(conditioned, ["rate"], {"rate": 0.3}).values.tolist() == pytest.approx([0.3])


@pytest.mark.parametrize("dims", [(), (4,), (2, 1)])
def test_rows_of_parameters_are_rows_of_series(dims: tuple[int, ...]) -> None:
    subject = parametric(model, ["rate", "layers", "borough", "masks"], AT)
    factor = torch.linspace(0.5, 2.0, int(torch.tensor(dims).prod())).reshape(*dims, 1) if dims else torch.ones(1)
    series = subject.series(subject.values * factor, "hazard", KeyedNoise(0))
    one = torch.tensor([1.0, 2.0, 3.0])[:, None].expand(3, 3) * 0.1 * (1.0 + 2 * 0.5) * 0.5 * AGENTS / 3
    expected = factor[..., None].double() ** 4 * one.double()  # each of the four is a factor of the hazard
    torch.testing.assert_close(series, expected.expand(series.shape), rtol=1e-5, atol=0)
    assert series.shape[-2:] == (3, 3)


def test_sites_of_data_leave_the_generator_as_it_was() -> None:
    subject = parametric(model, at=AT)
    before = torch.get_rng_state()
    subject.series(subject.values[None], "infections", KeyedNoise(torch.zeros(1, 1, dtype=torch.int64)))
    assert torch.equal(torch.get_rng_state(), before)


def test_functions_of_tallies_are_outcomes() -> None:
    subject = parametric(model, at=AT)
    noise = torch.zeros(1, 1, dtype=torch.int64)
    doubled = subject.series(subject.values[None], lambda tallies: 2 * tallies["hazard"], KeyedNoise(noise))
    assert torch.equal(doubled, 2 * subject.series(subject.values[None], "hazard", KeyedNoise(noise)))


def test_equations_have_parameters_too() -> None:
    def equations() -> dict[str, torch.Tensor]:
        rate = pyro.sample("rate", dist.LogNormal(0.0, 1.0))
        series = rate[..., None] * torch.ones(5)
        pyro.sample("cases", dist.Poisson(series).to_event(1))
        return {"cases": series}

    subject = parametric(equations, at={"rate": 2.0})
    assert subject.labels == ["rate"]
    assert subject.agents == 1
    assert subject.series(torch.tensor([[3.0], [4.0]]), "cases")[:, 0, 0].tolist() == [3.0, 4.0]


REFUSED = {
    "unknown": ({"wrt": ["rates"], "at": AT}, "unknown parameter 'rates': did you mean 'rate'"),
    "unknown value": ({"at": {**AT, "layer": 1.0}}, "unknown parameter 'layer'"),
    "after the rollout": ({"wrt": ["cases"], "at": AT}, "unknown parameter 'cases'"),
    "no value": ({"at": {"rate": 0.1}}, "the parameter 'layers' has no value"),
    "size": ({"at": {**AT, "layers": [1.0, 2.0, 3.0]}}, "has shape \\(3,\\): its prior has \\(2,\\)"),
    "support": ({"at": {**AT, "rate": -1.0}}, "which its prior .* excludes"),
    "twice": ({"wrt": ["rate", "rate"], "at": AT}, "parameter 'rate' appears twice"),
    "nothing": ({"wrt": [], "at": AT}, "there is no parameter to vary"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_before_anything_runs(case: str) -> None:
    arguments, sentence = REFUSED[case]
    DAYS_RUN.clear()
    with pytest.raises(ValueError, match=sentence):
        parametric(model, **arguments)  # type: ignore[arg-type]
    assert not DAYS_RUN


def test_what_a_model_must_return() -> None:
    subject = parametric(model, at=AT)
    noise = KeyedNoise(torch.zeros(1, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match="unknown tally 'infection': did you mean 'infections'"):
        subject.series(subject.values[None], "infection", noise)

    def returns_nothing() -> None:
        model()

    with pytest.raises(ValueError, match="the model returned NoneType"):
        parametric(returns_nothing, at=AT).series(subject.values[None], "infections", noise)

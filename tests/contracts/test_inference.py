"""Pyro's and ChiRho's inference machinery, unchanged, on the flu model."""

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from chirho.observational.handlers.predictive import BatchedLatents, PredictiveFunctional, PredictiveModel
from pyro.infer import SVI, Predictive, Trace_ELBO
from pyro.infer.autoguide import AutoNormal

from causal_lpm import KeyedNoise, Seeds, Worlds
from tests.contracts.models import AGENTS, FLU, differ, flat, flu, layers, people, pick

DAYS = 10


def model(cases: torch.Tensor | None = None) -> Any:
    return flu(people(), layers(), DAYS, cases)


def test_batched_latents_draw_parameters_side_by_side() -> None:
    """Draws, replicates and worlds: every combination is one run alone."""
    pyro.set_rng_seed(0)
    latents = BatchedLatents(3, name="draws")
    with Worlds(replicates=2, draws=3) as worlds, latents, Seeds("luck"), FLU.do(3.0), pyro.poutine.trace() as tr:
        run = model()
    assert {name: plate.dim for name, plate in worlds.plates.items()} == {"replicates": -2, "draws": -3, "world": -4}
    assert run.state["stage"].shape == (2, 3, 2, AGENTS)
    betas, luck = tr.trace.nodes["beta"]["value"].flatten(), tr.trace.nodes["luck_0"]["value"]
    assert len(set(betas.tolist())) == 3
    for draw in range(3):
        for replicate in range(2):
            seed = luck.expand(3, 2, 1)[draw, replicate] if luck.dim() == 3 else luck[replicate]
            for world, value in enumerate((None, 3.0)):
                fixed = {"beta": betas[draw], "luck_0": seed}
                with Seeds("luck"), pyro.poutine.condition(data=fixed), FLU.do(value):
                    alone = model()
                one = pick(worlds, run, draws=draw, replicates=replicate, world=world)
                assert differ(one, flat(alone)) == [], (draw, replicate, world)


def test_predictive() -> None:
    pyro.set_rng_seed(0)
    drawn = Predictive(Seeds("luck")(model), num_samples=3)()
    assert drawn["beta"].shape == (3,)
    assert drawn["reported"].shape == (3, 1, DAYS)
    assert drawn["luck_0"].unique().numel() == 3
    for number in range(3):
        with Seeds("luck"), pyro.poutine.condition(data={n: drawn[n][number] for n in ("beta", "luck_0")}):
            assert torch.equal(model().state["school_closure_day"], drawn["school_closure_day"][number])


def test_predictive_functional() -> None:
    pyro.set_rng_seed(0)
    predict = PredictiveFunctional(PredictiveModel(Seeds("luck")(model)), num_samples=5, max_plate_nesting=1)
    drawn = predict()
    assert drawn["beta"].unique().numel() == 5
    assert drawn["reported"].shape[0] == 5
    assert drawn["reported"].shape[-1] == DAYS


def guide(cases: torch.Tensor | None = None) -> None:
    centre = pyro.param("centre", torch.tensor(-3.0))
    pyro.sample("beta", dist.LogNormal(centre, 0.1))


def test_trace_elbo_with_a_fixed_seed_is_that_of_the_likelihood() -> None:
    """One particle: log p(beta) + log p(cases | beta) - log q(beta), nothing else."""
    cases = torch.full((1, DAYS), 4.0)
    pyro.set_rng_seed(5)
    loss = Trace_ELBO(max_plate_nesting=1).loss(KeyedNoise(3)(model), guide, cases)
    pyro.set_rng_seed(5)
    q = pyro.poutine.trace(guide).get_trace()
    p = pyro.poutine.trace(pyro.poutine.replay(KeyedNoise(3)(model), trace=q)).get_trace(cases)
    assert loss == pytest.approx(float((q.log_prob_sum() - p.log_prob_sum()).detach()), rel=1e-5)
    assert {name for name, node in p.nodes.items() if node["type"] == "sample"} == {
        "beta",
        "school_closure_day",
        "reported",
    }


def test_svi_steps_with_a_hand_written_and_an_automatic_guide() -> None:
    cases = torch.full((1, DAYS), 4.0)
    lucky = pyro.poutine.block(Seeds("luck")(model), hide=["luck_0"])
    for chosen in (guide, AutoNormal(lucky)):
        pyro.clear_param_store()
        svi = SVI(lucky, chosen, pyro.optim.Adam({"lr": 0.01}), Trace_ELBO(max_plate_nesting=1))
        losses = [svi.step(cases) for _ in range(3)]
        assert all(torch.isfinite(torch.tensor(losses)))
        assert len(set(losses)) == 3, "fresh luck at every step"


def test_observed_events_add_their_log_probability_to_an_elbo() -> None:
    """Individual data: whom nobody infected on day 2."""
    data = {"t=2/infection": torch.zeros(AGENTS, dtype=torch.bool), "reported": torch.full((1, DAYS), 4.0)}
    known = KeyedNoise(1)(pyro.poutine.condition(model, data=data))
    pyro.set_rng_seed(5)
    loss = Trace_ELBO(max_plate_nesting=1).loss(known, guide)
    pyro.set_rng_seed(5)
    q = pyro.poutine.trace(guide).get_trace()
    p = pyro.poutine.trace(pyro.poutine.replay(known, trace=q)).get_trace()
    p.compute_log_prob()
    parts = [float(p.nodes[name]["log_prob_sum"].detach()) for name in ("beta", "reported", "t=2/infection")]
    assert all(part < 0 for part in parts[1:])
    assert loss == pytest.approx(float(q.log_prob_sum().detach()) - sum(parts), rel=1e-5)

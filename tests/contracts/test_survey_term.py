"""A survey term as likelihood in `fit` and `predict`: the seam for answers of a language model."""

from typing import Any

import pyro
import pyro.distributions as dist
import torch

from causal_lpm import KeyedNoise, event, observed, policy, rollout, tally
from causal_lpm.inference import fit
from tests.inference.calibration.conjugate import SMALL

AGENTS, MONTHS, ASKED = 300, 4, 5
KIND = torch.arange(AGENTS) % 6  # of six archetypes
PAYMENTS = torch.tensor([0.0, 1.0])  # of the two contexts in which each was asked


def model() -> Any:
    """Whether people work: answers by context and archetype, and as many agents as answered, with real totals."""
    level, effect = (pyro.sample(name, dist.Normal(0.0, 1.0)) for name in ("level", "effect"))
    with pyro.plate("archetypes", 6):
        own = pyro.sample("own", dist.Normal(0.0, 0.5), infer={"nuisance": True})
    logits = level + own
    said = logits[..., None, :] + effect[..., None] * PAYMENTS[:, None]
    observed("answers", dist.Binomial(ASKED, logits=said).to_event(2))
    payment = policy("payment", 0.0)

    def month(s: Any) -> Any:
        willing = logits.index_select(-1, KIND) + effect * s["payment"]
        tally("workers", event("work", torch.nn.functional.softplus(willing)))
        return s

    run = rollout(month, {"paid": torch.zeros(AGENTS), "payment": payment}, MONTHS)
    observed("seen", dist.Normal(run.tallies["workers"].float(), 5.0).to_event(1))
    return run


def test_a_survey_term_as_likelihood_in_fit_and_predict() -> None:
    """No month was paid: what is known of the payment comes from the answers. The seed is fixed."""
    torch.manual_seed(0)
    truth = {"level": torch.tensor(-0.5), "effect": torch.tensor(1.0), "own": 0.5 * torch.randn(6)}
    with KeyedNoise(1), pyro.poutine.trace() as traced, pyro.condition(data=truth):
        model()
    data = {name: traced.trace.nodes[name]["value"] for name in ("answers", "seen")}
    result = fit(model, data, "npe", budget=150, gate=0, ensemble=1, draws=200, training=SMALL)
    posterior = result.tree["posterior"].to_dataset()
    assert list(posterior.data_vars) == ["level", "effect"]
    for name, values in posterior.data_vars.items():
        assert abs(float(values.mean()) - float(truth[str(name)])) < 3 * float(values.std()), name
        assert float(values.std()) < 0.7  # of 1 in the prior
    found = result.predict({"none": {}, "paid": {"payment": 1.0}}, draws=40)
    assert set(found.data_vars) == {"workers", "seen"}
    more = found["workers"].sel(world="paid") - found["workers"].sel(world="none")
    assert bool((more.mean("draw").values > 0.1 * AGENTS).all())
    assert result.tree["observed_data"]["answers"].shape == (2, 6)

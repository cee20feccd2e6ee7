"""Draws of the prior weighed by terms, against closed forms.

Moments of n independent draws are compared at 4.5 standard errors: by chance beyond in 1 of 100,000 seeds.
"""

from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import observed, rollout, tally
from causal_lpm.inference.posteriors.focus import Focus, FocusedPrior
from causal_lpm.inference.program import weighed_prior
from causal_lpm.inference.program.problem import Problem
from tests.inference.calibration.surveyed import Y, answers_of, exact, surveyed


def agree(values: torch.Tensor, mean: float, sd: float, effective: int) -> None:
    values = values.double()
    assert float(values.mean()) == pytest.approx(mean, abs=4.5 * sd / effective**0.5)
    assert float(values.std()) == pytest.approx(sd, rel=4.5 / (2 * effective) ** 0.5)


def problem(answers: int = 2, nuisances: bool = False) -> Problem:
    return Problem(surveyed(answers, nuisances), {"survey": answers_of(answers), "y": Y})


def test_rejection_draws_a_conjugate_posterior() -> None:
    subject = problem()
    assert subject.weighed is not None
    values = subject.constrain(subject.propose(4000, 3))["mean"]
    agree(values, *exact(answers_of(2), days=0), effective=4000)
    assert subject.weighed.gates()[0].verdict == "pass"
    assert subject.log_prior(torch.zeros(1, 1)).isfinite()


def test_a_focus_goes_on_top() -> None:
    """A normal prior, weighed by a normal survey, times a normal focus that is as wide as the prior."""
    subject = problem()
    centre, scale = float(subject.coordinates.centre), float(subject.coordinates.scale)
    focus = Focus(torch.tensor([1.0]), torch.eye(1), -np.inf, share=0.001)
    values = subject.constrain(torch.as_tensor(FocusedPrior(subject, focus).draw(4000, 2)).float())["mean"]
    mean, sd = exact(answers_of(2), days=0)
    precision = sd**-2 + scale**-2
    agree(values, (mean / sd**2 + (centre + scale) / scale**2) / precision, precision**-0.5, effective=4000)


def test_a_surrogate_need_not_have_the_survey() -> None:
    def curve() -> None:
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        observed("y", dist.Normal(mean[..., None].expand(*mean.shape, 4), 2.0).to_event(1))

    subject = Problem(surveyed(2), {"survey": answers_of(2), "y": Y}, surrogate=curve)
    data, z = subject.repeated(1), torch.linspace(-2, 2, 401)[:, None]
    density = subject.log_guided(z, {name: values.expand(401, *values.shape[1:]) for name, values in data.items()})
    best = subject.constrain(z[density.argmax(), None])["mean"]
    assert float(best) == pytest.approx(exact(answers_of(2))[0], abs=0.05)  # the mode of a normal is its mean


def test_nuts_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both chains have 300 effective draws of one parameter at least."""
    monkeypatch.setattr(weighed_prior, "KEPT", 2.0)
    subject = problem()
    assert subject.weighed is not None
    agree(subject.constrain(subject.weighed.pool)["mean"], *exact(answers_of(2), days=0), effective=300)
    assert subject.weighed.gates()[0].sentence.startswith("R-hat")


@pytest.mark.slow
def test_two_hundred_nuisances() -> None:
    subject = problem(200, nuisances=True)
    assert subject.names == ("mean",)
    assert subject.size == 1
    assert subject.weighed is not None
    assert subject.weighed.pool.shape[1] == 201
    values = subject.constrain(subject.weighed.pool)
    mean, sd = exact(answers_of(200), nuisances=True, days=0)
    agree(values["mean"], mean, sd, effective=150)
    # Each bias given its answer, the mean known within sd: half of the answer less the mean.
    expected = (answers_of(200) - mean) / 2
    assert np.corrcoef(values["own"].mean(0).numpy(), expected)[0, 1] > 0.99


def counted() -> Any:
    share = pyro.sample("share", dist.Beta(2.0, 3.0))
    observed("survey", dist.Binomial(20, share))
    later = pyro.sample("later", dist.Normal(share, 0.1))
    run = rollout(lambda s: tally("x", s["x"]) is None or s, {"x": later if later.dim() else later.expand(1)}, 2)
    last = pyro.sample("last", dist.Gamma(3.0, 2.0))
    observed("y", dist.Normal(run.tallies["x"].float() + last[..., None], 1.0).to_event(1))
    return run


def test_one_number_of_a_survey_and_what_is_sampled_later() -> None:
    """Beta-binomial: 13 of 20 make a Beta(15, 10); later sites follow it, or keep their prior."""
    values = {}
    subject = Problem(counted, {"survey": 13, "y": np.ones((1, 2))})
    values = subject.constrain(subject.propose(4000, 5))
    agree(values["share"], 0.6, (0.6 * 0.4 / 26) ** 0.5, 4000)
    agree(values["later"] - values["share"], 0.0, 0.1, 4000)
    assert float(values["last"].mean()) == pytest.approx(1.5, abs=4.5 * (0.75 / 4000) ** 0.5)


def test_draws_are_given_by_their_seed() -> None:
    subject = problem()
    before = torch.get_rng_state()
    assert torch.equal(subject.propose(5, 1), problem().propose(5, 1))
    assert not torch.equal(subject.propose(5, 1), subject.propose(5, 2))
    assert torch.equal(before, torch.get_rng_state())


def test_terms_that_cannot_be_are_refused() -> None:
    def model() -> Any:
        share = pyro.sample("share", dist.Uniform(0.0, 0.5))
        observed("survey", dist.Uniform(share, 1.5 * share + 0.01))
        run = rollout(lambda s: tally("x", s["x"]) is None or s, {"x": torch.ones(1)}, 2)
        observed("y", dist.Normal(share[..., None] * run.tallies["x"].float(), 1.0).to_event(1))
        return run

    subject = Problem(model, {"survey": 0.9, "y": np.ones((1, 2))})
    with pytest.raises(RuntimeError, match=r"the terms \(survey\) are impossible at each of 50000 draws"):
        subject.propose(1, 0)


def test_nuisances_without_terms_are_luck() -> None:
    def model() -> Any:
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        with pyro.plate("groups", 3):
            effect = pyro.sample("effect", dist.Normal(mean, 0.5), infer={"nuisance": True})
        run = rollout(lambda s: tally("x", s["x"]) is None or s, {"x": effect}, 2)
        observed("y", dist.Normal(run.tallies["x"].float(), 1.0).to_event(1))
        return run

    subject = Problem(model, {"y": np.ones((1, 2))})
    assert subject.names == ("mean",)
    z = subject.prior.draw(2000, 0)
    assert z.shape == (2000, 4)
    assert torch.equal(subject.draw(2000, 0), z[:, :1])
    whole = subject.completed(z[:, :1], 7)
    assert torch.equal(whole[:, :1], z[:, :1])
    values = subject.constrain(whole)
    agree((values["effect"] - values["mean"][:, None]).flatten(), 0.0, 0.5, 6000)
    seeds = torch.arange(3)
    alone = [subject.simulate(z[row, None, :1], seeds[row, None]).data["y"][0] for row in range(3)]
    assert np.array_equal(subject.simulate(z[:3, :1], seeds).data["y"], np.stack(alone))  # luck of each draw


def test_a_parameter_whose_prior_depends_on_a_nuisance_is_refused() -> None:
    def model() -> None:
        hidden = pyro.sample("hidden", dist.Normal(0.0, 1.0), infer={"nuisance": True})
        mean = pyro.sample("mean", dist.Normal(hidden, 1.0))
        observed("y", dist.Normal(mean[..., None].expand(*mean.shape, 2), 1.0).to_event(1))

    with pytest.raises(ValueError, match="the prior of 'mean' depends on a nuisance: make the nuisance a parameter"):
        Problem(model, {"y": [1.0, 2.0]})

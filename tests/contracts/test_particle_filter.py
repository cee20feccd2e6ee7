"""What later capabilities need of `rollout`: a bootstrap particle filter around models that know nothing of it."""

import itertools
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import pyro
import pytest
import torch
from chirho.dynamical.ops import on
from pyro.poutine.messenger import Messenger
from torch.distributions import Binomial, Poisson

from causal_lpm import Rollout, Seeds, Worlds, event, rollout, tally
from causal_lpm.ops.dimensions import of_replicates
from causal_lpm.ops.simulation import resampled
from causal_lpm.typing import State
from tests.contracts.blocks import unlike
from tests.contracts.models import MODELS, Model, S

LogLikelihood = Callable[[int, Rollout], torch.Tensor]


class BootstrapFilter(Messenger):
    """Cuts a simulation into windows, weighs its replicates by the data of each, and resamples them.

    Source: Gordon, Salmond and Smith (1993), IEE Proceedings F 140.

    Args:
        windows: First day of each window.
        log_likelihood: Number of a window and its days -> log p of its data, `[replicates, 1]`.
        resample: Whether replicates are resampled after each window.
    """

    def __init__(self, windows: Sequence[int], log_likelihood: LogLikelihood, resample: bool = True) -> None:
        super().__init__()
        self.windows, self.log_likelihood, self.resample, self.log_evidence = windows, log_likelihood, resample, 0.0

    def _pyro_rollout(self, msg: Any) -> None:
        body: Callable[..., Rollout] = msg["fn"]

        def filtered(dynamics: Any, state: State, first: int, days: int, name: str) -> Rollout:
            run = Rollout(state)
            for number, (begins, ends) in enumerate(itertools.pairwise([*self.windows, first + days])):
                part = body(dynamics, run.state, begins, ends - begins, name)
                log_weights = self.log_likelihood(number, part).flatten()
                self.log_evidence += float(log_weights.logsumexp(0)) - math.log(len(log_weights))
                run = run.followed_by(part) if number else part
                if self.resample:
                    run = self._resampled(run, log_weights.softmax(0))
            return run

        msg["fn"] = filtered

    def _resampled(self, run: Rollout, weights: torch.Tensor) -> Rollout:
        ancestors = weights.multinomial(len(weights), replacement=True)
        resampled(ancestors)
        state = {name: of_replicates(value, ancestors) for name, value in run.state.items()}
        return Rollout(state, {name: of_replicates(x, ancestors, event_dim=1) for name, x in run.tallies.items()})


# Reed and Frost's epidemic, whose evidence can be written out

AGENTS, BETA, CASES = 12, 0.6, torch.tensor([0.0, 2.0, 3.0, 1.0, 5.0])
DAYS = len(CASES)


def epidemic() -> Rollout:
    def day(s: State) -> State:
        share = s["ill"].float().mean(-1, keepdim=True)
        infected = event("infection", BETA * share.expand(*share.shape[:-1], AGENTS)) & ~s["ill"]
        tally("cases", infected)
        return {"ill": s["ill"] | infected}

    return rollout(day, {"ill": torch.arange(AGENTS) == 0}, DAYS)


def reported(number: int, part: Rollout) -> torch.Tensor:
    return Poisson(part.tallies["cases"].float().sum(-1) + 0.1).log_prob(CASES[number])


def exact_evidence() -> float:
    """Forward over the number of those who are ill."""
    belief = torch.zeros(AGENTS + 1, dtype=torch.float64)
    belief[1] = 1.0
    for seen in CASES.double():
        after = torch.zeros_like(belief)
        for ill in range(1, AGENTS + 1):
            new = torch.arange(AGENTS + 1 - ill, dtype=torch.float64)
            p = 1 - torch.exp(torch.tensor(-BETA * ill / AGENTS, dtype=torch.float64))
            seen_too = Binomial(AGENTS - ill, p).log_prob(new) + Poisson(new + 0.1).log_prob(seen)
            after[ill:] += belief[ill] * seen_too.exp()
        belief = after
    return float(belief.sum().log())


def test_the_evidence_is_that_of_the_forward_algorithm() -> None:
    """It is unbiased: a mean of 40 is within 5 standard errors of 1 (Student's t: one false alarm in 80,000 seeds)."""
    pyro.set_rng_seed(0)
    found = []
    for _ in range(40):
        weighing = BootstrapFilter(range(DAYS), reported)
        with Worlds(replicates=400), Seeds("luck", tuple(range(DAYS))), weighing:
            epidemic()
        found.append(weighing.log_evidence)
    ratios = (torch.tensor(found, dtype=torch.float64) - exact_evidence()).exp()
    assert abs(float(ratios.mean()) - 1) < 5 * float(ratios.std()) / math.sqrt(len(found))
    assert float(ratios.std()) < 0.3


WINDOWS = (0, 4, 10)
SHARES = {"flu": 0.082, "clinic": 0.117, "immunity": 0.042}  # passed by day 3 in about half of the replicates
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)


def halved(model: Model) -> Any:
    """A rule that fires on days of its own in each replicate."""
    return on(lambda s: (s["stage"] != S).float().mean(-1, keepdim=True) > SHARES[model.name])(
        lambda f, s: (f, {**s, model.policy: s[model.policy] / 2})
    )


@each_model
def test_without_resampling_it_is_the_plain_run(model: Model) -> None:
    runs = []
    for filtering in (nullcontext(), BootstrapFilter(WINDOWS, lambda _, part: torch.zeros(3, 1), resample=False)):
        pyro.set_rng_seed(0)
        with Worlds(replicates=3), Seeds("luck", WINDOWS), filtering, halved(model):
            runs.append(model.simulate(20))
    assert unlike(runs[1].state | runs[1].tallies, runs[0].state | runs[0].tallies) == []


@each_model
def test_each_particle_is_a_run_with_the_luck_of_its_past(model: Model) -> None:
    """Luck by number of infection and the memory of rules included: conditioned on its seeds, the model repeats it."""

    def few_stages(number: int, part: Rollout) -> torch.Tensor:
        return -0.05 * (part.state["stage"] != S).float().sum(-1)

    pyro.set_rng_seed(0)
    with Worlds(replicates=12), Seeds("luck", WINDOWS) as luck, BootstrapFilter(WINDOWS, few_stages), halved(model):
        run = model.simulate(20)
    assert luck.drawn["luck_0"].unique().numel() < 12, "some have died out"
    with Worlds(replicates=12), pyro.condition(data=luck.drawn), Seeds("luck", WINDOWS), halved(model):
        again = model.simulate(20)
    one, other = again.state | again.tallies, run.state | run.tallies
    # Where all that are left have halved their policy on one day, it has not split.
    assert [name for name in one if not torch.equal(*torch.broadcast_tensors(one[name], other[name]))] == []

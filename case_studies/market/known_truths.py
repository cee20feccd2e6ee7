"""The published calibration over many truths: how probable the truth is under each posterior, and its ranks."""

from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
import torch

from case_studies.market.cont import PARAMETERS, TRUTH, returns_only
from case_studies.market.crowd import crowd
from case_studies.market.summaries import NOISE, NUMBERS, summarised, summary, tick, ticked
from case_studies.market.svi import GRADIENTS, guides
from causal_lpm.inference import Problem, Training, fit, known, replicate_seed, sbc_gate, sbc_ranks

__all__ = ["Truths", "amortised", "by_gradients", "truths"]

DRAWS = 300
MODELS = {"npe": (summarised, "summary"), "npe+tick": (ticked, "ticked"), "svi+npe": (returns_only, "quoted")}
"""Method -> the model and its data site."""
PRIOR = -0.5 * np.log(2 * np.pi)
TRAINING = Training(hidden=50, transforms=5, learning_rate=5e-4, batch=100, patience=40)
"""Slow and patient: with 20 epochs of patience and 200 simulations in a step a network alone loses half a unit of the
mean log density, and a mixture that makes up for it is too wide."""
GUIDES = {"steps": 150, "particles": 1, "starts": 8}
"""Of svi+npe, through the crowd's density."""


@dataclass(frozen=True)
class Truths:
    """What is to be found.

    Attributes:
        theta: log10 of the parameters, `[n, 4]`.
        returns: Of the markets, `[n, 100]`.
        luck: Of the data around the summaries, standard normal, `[n, 21]`. The models say that there is some; data
            without it would be less far from the truth than any posterior expects.
    """

    theta: torch.Tensor
    returns: torch.Tensor
    luck: torch.Tensor

    def data(self, site: str) -> dict[str, Any]:
        """As the site `quoted`, `[n, 100]`, `summary`, `[n, 1, 20]`, or `ticked`, `[n, 1, 21]`."""
        if site == "quoted":
            return {site: self.returns.numpy()}
        numbers = summary(self.returns)
        if site == "ticked":
            numbers = torch.cat([numbers, tick(self.returns)], -1)
        numbers = numbers + NOISE * self.luck[:, : numbers.shape[-1]]
        return {site: numbers[:, None].numpy()}

    def only(self, chosen: slice) -> "Truths":
        """Some of them."""
        return Truths(self.theta[chosen], self.returns[chosen], self.luck[chosen])

    def __add__(self, others: "Truths") -> "Truths":
        pairs = ((self.theta, others.theta), (self.returns, others.returns), (self.luck, others.luck))
        return Truths(*(torch.cat(pair) for pair in pairs))

    def log_prior(self) -> np.ndarray[Any, Any]:
        """Of each truth."""
        found: np.ndarray[Any, Any] = (4 * PRIOR - 0.5 * (self.theta**2).sum(-1)).numpy()
        return found


def truths(number: int, published: int, seed: int) -> tuple[Truths, Truths]:
    """Markets with parameters from the prior, and markets with the published ones.

    Args:
        number: Of the first.
        published: Of the second, each with luck of its own.
        seed: Of everything.
    """
    problem = Problem(returns_only, {"quoted": np.zeros(100)})
    there = {f"log10_{name}": torch.tensor([value]).log10() for name, value in TRUTH.items()}
    here = problem.draw(number, replicate_seed(seed, 1))
    z = torch.cat([here, problem.unconstrain(there).expand(published, -1)])
    seeds = torch.tensor([replicate_seed(replicate_seed(seed, 2), at) for at in range(len(z))])
    returns = torch.as_tensor(problem.simulate(z, seeds).data["quoted"]).reshape(len(z), -1)
    luck = torch.randn(len(z), NUMBERS + 1, generator=torch.Generator().manual_seed(replicate_seed(seed, 3)))
    everything = Truths(_theta(problem, z), returns, luck)
    return everything.only(slice(number)), everything.only(slice(number, None))


def amortised(
    method: str, prior: Truths, published: Truths, budget: int, seed: int, ensemble: int = 1
) -> dict[str, Any]:
    """One training answers for all truths: its log density there, and SBC's verdict.

    Args:
        method: A key of `MODELS`: "npe+tick" is npe that is told the tick, too.
        prior: Truths of the prior.
        published: Data sets of the published truth.
        budget: Simulations to train on.
        seed: Of everything.
        ensemble: Members.

    Raises:
        ValueError: an unknown method.
    """
    known("method", method, tuple(MODELS))
    began = process_time()
    guided = method == "svi+npe"
    model, site = MODELS[method]
    result = fit(
        model,
        {name: values[0] for name, values in prior.data(site).items()},
        "svi+npe" if guided else "npe",
        surrogate=crowd if guided else None,
        budget=budget,
        gate=0,
        seed=seed,
        batch=500,
        second_round=False,  # one posterior for all truths
        ensemble=ensemble,
        training=TRAINING,
        settings=GUIDES if guided else {},
        progress=False,
    )
    problem, posterior = result.problem, result.posterior
    assert problem is not None
    assert posterior is not None

    def scored(some: Truths) -> tuple[np.ndarray[Any, Any], torch.Tensor, torch.Tensor]:
        z = problem.unconstrain({f"log10_{name}": some.theta[:, at] for at, name in enumerate(PARAMETERS)}).float()
        given = posterior.given(some.data(site))
        density = given.log_prob(z.unsqueeze(0))
        assert density is not None
        return (density[0] - _volume(problem)).double().numpy(), given.sample(DRAWS, seed), z

    there, draws, z = scored(prior)
    here, _, _ = scored(published)
    return _row(method, budget, there, here, prior, draws, z) | {"CPU seconds": process_time() - began}


def by_gradients(
    prior: Truths, published: Truths, number: int, steps: int, draws: int, seed: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """SVI of the first `number` - 1 truths of the prior and of one data set of the published one, by each gradient."""
    some = published.only(slice(1)) + prior.only(slice(number - 1))
    problem = Problem(summarised, {"summary": some.data("summary")["summary"][0]})
    z = problem.unconstrain({f"log10_{name}": some.theta[:, at] for at, name in enumerate(PARAMETERS)})
    own = some.only(slice(1, None))
    rows = []
    for gradient in GRADIENTS:
        say(f"SVI by {gradient}, {number} data sets of {steps * draws:,} simulations each")
        found, seconds = guides(gradient, some.data("summary"), steps, draws, seed)
        density = (found.log_prob(z.float()) - _volume(problem)).double().numpy()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            drawn = found.sample((DRAWS,))
        row = _row(f"svi, {gradient}", steps * draws, density[1:], density[:1], own, drawn[:, 1:], z[1:])
        rows.append(row | {"CPU seconds": seconds * number})
    return rows


def _row(
    method: str,
    budget: int,
    there: np.ndarray[Any, Any],
    here: np.ndarray[Any, Any],
    prior: Truths,
    draws: torch.Tensor,
    z: torch.Tensor,
) -> dict[str, Any]:
    ranks = sbc_ranks(draws, z)
    gate = sbc_gate(ranks, DRAWS, PARAMETERS) if len(z) >= 20 else None
    below = ranks / DRAWS
    return {
        "method": method,
        "simulations": budget,
        "truths": len(there),
        "log density": [float(there.mean()), float(there.std() / max(len(there) - 1, 1) ** 0.5)],
        "median": float(np.median(there)),
        "lowest": float(there.min()),
        "prior there": float(prior.log_prior().mean()),
        "at the published truth": [float(here.mean()), float(here.min())],
        "data sets of it": len(here),
        "coverage": {str(level): float((abs(below - 0.5) < level / 2).mean()) for level in (0.5, 0.9)},
        "sbc": None if gate is None else [gate.verdict, float(gate.value)],
        "sbc says": "too few truths" if gate is None else gate.sentence,
    }


def _theta(problem: Problem, z: torch.Tensor) -> torch.Tensor:
    values = problem.constrain(z)
    return torch.stack([values[f"log10_{name}"].reshape(-1) for name in PARAMETERS], -1).double()


def _volume(problem: Problem) -> torch.Tensor:
    """Log volume of theta in that of z, which is standardised by draws of the prior."""
    unit, zero = (_theta(problem, z) for z in (torch.ones(1, 4), torch.zeros(1, 4)))
    volume: torch.Tensor = (unit - zero)[0].abs().log().sum()
    return volume

"""The prior weighed by the terms: draws of the parameters and nuisances as the terms alone have them.

Where the terms are not much narrower than the prior, draws of the prior are thinned by their density (von Neumann's
rejection), which is exact. Where hardly one would be kept, as with hundreds of nuisances, Pyro's NUTS draws two chains.
"""

import math

import pyro
import torch
from pyro.infer import MCMC, NUTS

from causal_lpm.inference.diagnostics.convergence import rhat_gate
from causal_lpm.inference.diagnostics.report import Gate
from causal_lpm.inference.program.evaluation import torch_seed
from causal_lpm.inference.program.prior import Prior
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["WeighedPrior"]

PILOT = 50_000  # draws of the prior that find the largest density of the terms
KEPT = 0.001  # share of the prior's draws, below which rejection is given up
ROUNDS = 1000  # of rejection, before it is given up
AT_ONCE = 10_000  # draws that are thinned together
EACH = 500  # draws of a chain
WARM_UP = 300
RIDGE = 1e-8  # of a covariance
DEPTH = 6  # of NUTS's trees, 63 steps at most


class WeighedPrior:
    """Draws of the prior times the density of the terms.

    Args:
        prior: With at least one term.
        size: Elements of z that are parameters, which gates speak of.
        names: Of these.

    Attributes:
        pool: Draws, z `[n, all]`.
        normal: A normal density of the parameters' z with their mean and covariance.

    Raises:
        RuntimeError: the terms have no density at any of 50,000 draws of the prior.
    """

    def __init__(self, prior: Prior, size: int, names: tuple[str, ...]) -> None:
        self._prior, self._size, self._names = prior, size, names
        z = prior.draw_early(PILOT, 0)
        with torch.no_grad():
            weights = self._log_weights(z)
        self._highest = float(weights.max())
        if self._highest == -math.inf:
            raise RuntimeError(
                f"the terms ({', '.join(prior.terms)}) are impossible at each of {PILOT} draws of the prior: see "
                "that the distribution can give their data, or widen the prior."
            )
        self.kept = float((weights - self._highest).exp().mean())
        self._chains: torch.Tensor | None = None
        if self.kept >= KEPT:
            self.pool = self.draw(2 * EACH, 1)
        else:
            starts = z[weights.topk(2).indices]
            self._chains = torch.stack([self._chain(start, number) for number, start in enumerate(starts)])
            self.pool = prior.drawn_again(self._chains.flatten(0, 1), prior.late, 1)

        own = self.pool[:, :size]
        covariance = torch.atleast_2d(torch.cov(own.double().T)) + RIDGE * torch.eye(size, dtype=torch.float64)
        self.normal = torch.distributions.MultivariateNormal(own.mean(0), covariance.float())

    def _log_weights(self, z: torch.Tensor) -> torch.Tensor:
        return self._prior.log_terms(z)[1].double().nan_to_num(-math.inf, math.inf, -math.inf)

    def draw(self, n: int, seed: int) -> torch.Tensor:
        """`n` draws, z `[n, all]`."""
        generator = torch.Generator().manual_seed(seed)
        if self._chains is not None:
            return self.pool[torch.randint(len(self.pool), (n,), generator=generator)]
        found, count = list[torch.Tensor](), 0
        for attempt in range(ROUNDS):
            z = self._prior.draw_early(max(2 * n, AT_ONCE), replicate_seed(seed, attempt))
            with torch.no_grad():
                below = self._log_weights(z) - self._highest
            found.append(z[torch.rand(len(z), generator=generator).log() < below])
            count += len(found[-1])
            if count >= n:
                return self._prior.drawn_again(torch.cat(found)[:n], self._prior.late, replicate_seed(seed, ROUNDS))
        raise RuntimeError(
            "hardly a draw of the prior agrees with the terms: see that the distribution can give their data, or "
            "widen the prior."
        )

    def _chain(self, start: torch.Tensor, number: int) -> torch.Tensor:
        """Draws of NUTS, `[EACH, all]`."""

        def potential(values: dict[str, torch.Tensor]) -> torch.Tensor:
            own, terms = self._prior.log_terms(values["z"][None])
            return -(own + terms).sum()

        with torch_seed(number), pyro.get_param_store().scope():
            kernel = NUTS(potential_fn=potential, max_tree_depth=DEPTH)
            chain = MCMC(kernel, EACH, warmup_steps=WARM_UP, initial_params={"z": start.clone()}, disable_progbar=True)
            chain.run()
        drawn: torch.Tensor = chain.get_samples()["z"].detach()
        return drawn

    def nearest(self, z: torch.Tensor) -> torch.Tensor:
        """Parameters z `[n, size]` with the nuisances of the most similar draw of the pool, `[n, all]`."""
        own = self.pool[:, : self._size]
        scale = own.std(0).clamp(min=1e-6)
        at = torch.cdist((z.float() / scale), own / scale).argmin(1)
        return torch.cat([z, self.pool[at, self._size :].to(z)], 1)

    def gates(self) -> tuple[Gate, ...]:
        """How the draws were made, and whether chains agree."""
        if self._chains is None:
            sentence = f"Draws of the prior are weighed by the terms: one of {1 / self.kept:.3g} is kept."
            return (Gate("terms", "pass", self.kept, KEPT, sentence, ""),)
        gate = rhat_gate(self._chains[..., : self._size].double().numpy(), self._names)
        return (Gate("terms", gate.verdict, gate.value, gate.threshold, gate.sentence, gate.next_step),)

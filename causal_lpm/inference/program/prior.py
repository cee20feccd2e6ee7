"""The prior of a model: draws and densities of its latent sites, and the density of the terms, without simulating."""

from collections.abc import Collection, Mapping

import torch

from causal_lpm.handlers import KeyedNoise
from causal_lpm.inference.program.coordinates import Coordinates
from causal_lpm.inference.program.evaluation import Draws, alone, each_draw, stopping, torch_seed
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.program.series import Series

__all__ = ["Prior", "repeated"]

AT_ONCE = 2**24  # agents x draws, of a density of terms


class Prior:
    """The prior of all latent sites of a model, z `[n, all]`, parameters first and nuisances behind them.

    Args:
        model: Whose sites they are; it is run no further than needed.
        coordinates: Of z.
        terms: Data of the sites before the simulation.
        late: Latent sites behind the last term.
        agents: Of the model.
    """

    def __init__(
        self, model: Model, coordinates: Coordinates, terms: Mapping[str, Series], late: Collection[str], agents: int
    ) -> None:
        self.coordinates, self.terms, self.late = coordinates, terms, frozenset(late)
        self._model, self._agents = model, agents
        self._batches = {p.name: p.batch for p in coordinates.parameters}

    def values(
        self, n: int, seed: int, given: Mapping[str, torch.Tensor] | None = None, until: Collection[str] = ()
    ) -> dict[str, torch.Tensor]:
        """Draws of the sites given others, name -> `[n, *batch, *event]`.

        Args:
            n: How many.
            seed: Of the draws.
            given: Name -> `[n, 1 or batch, *event]`.
            until: Sites after the last of which the model is left; all latent ones, if not given.
        """
        given = given or {}
        free = {name: batch for name, batch in self._batches.items() if name not in given}
        drawn = Draws(n, given, free, {}, {}, until or self._batches, densities=False)
        with torch.no_grad(), torch_seed(seed), alone(), KeyedNoise(seed), stopping(), drawn:
            self._model()
        found = {**given, **drawn.drawn}
        shapes = {p.name: (n, *p.batch, *p.event) for p in self.coordinates.parameters}
        return {name: found[name].reshape(shape) for name, shape in shapes.items() if name in found}

    def draw(self, n: int, seed: int) -> torch.Tensor:
        """`n` draws, z `[n, all]`."""
        return self.coordinates.inverse(self.values(n, seed)).float() if self._batches else torch.zeros(n, 0)

    def draw_early(self, n: int, seed: int) -> torch.Tensor:
        """As `draw`, with 0 for late sites."""
        z = self.coordinates.inverse(self.values(n, seed, until=self._batches.keys() - self.late)).float()
        return torch.nn.functional.pad(z, (0, self.coordinates.size - z.shape[1]))

    def drawn_again(self, z: torch.Tensor, which: Collection[str], seed: int) -> torch.Tensor:
        """Z `[n, all]` with some sites drawn anew, given all others; z may end before them."""
        if not which:
            return z
        kept = {name: value for name, value in self.coordinates.placed(z).items() if name not in which}
        found = self.coordinates.inverse(self.values(len(z), seed, kept)).float()
        for p in self.coordinates.parameters:
            if p.name in kept:
                found[:, p.where] = z[:, p.where].float()  # to the bit
        return found

    def log_density(self, z: torch.Tensor) -> torch.Tensor:
        """Log density of z `[n, all]`, or of its first elements, without the terms: `[n]`."""
        values = self.coordinates.placed(z)
        given = Draws(len(z), values, self._free(values), {}, {}, values)
        with torch_seed(0), alone(), KeyedNoise(0), stopping(), given:
            self._model()
        return self.coordinates.log_density(z, given.log_prior)

    def log_terms(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log densities at z `[n, all]`: of z, of which late sites count as standard normals, and of the terms.

        Returns:
            `[n]` each, NaN where the model fails.
        """
        present = {name: series.present for name, series in self.terms.items()}
        parts = []
        for some in z.split(max(1, AT_ONCE // self._agents)):

            def both(rows: slice, some: torch.Tensor = some) -> torch.Tensor:
                values, n = self.coordinates.placed(some[rows]), len(some[rows])
                given = Draws(n, values, self._free(values), repeated(self.terms, n), present, self.terms)
                with torch.random.fork_rng(devices=[]), alone(), KeyedNoise(0), stopping(), given:
                    torch.default_generator.manual_seed(0)  # `torch.manual_seed` takes longer than a small model
                    self._model()
                own = self.coordinates.log_density(some[rows], given.log_prior, given.missing)
                return torch.stack([own, given.log_likelihood.to(own)], -1)

            parts.append(each_draw(both, len(some)))
        prior, terms = torch.cat(parts).unbind(-1)
        return prior, terms

    def _free(self, values: Collection[str]) -> dict[str, tuple[int, ...]]:
        return {name: batch for name, batch in self._batches.items() if name not in values}


def repeated(data: Mapping[str, Series], n: int) -> dict[str, torch.Tensor]:
    """Data as those of `n` draws, site -> `[n, *shape]`; 0, which densities leave out, where missing."""
    return {name: torch.nan_to_num(series.values).expand(n, *series.values.shape) for name, series in data.items()}

"""A Pyro model and its data, seen as a problem of inference: parameters, prior, data sites, densities, simulations.

Parameters are the model's latent sample sites, in one vector z (see `Coordinates`). Nuisances are latent as well, and
stand in z behind the parameters where they matter: where it is drawn, weighed and simulated. Terms are data whose
density is known without simulating; the prior that simulations are drawn from is weighed by them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy.typing as npt
import torch

from causal_lpm.handlers import KeyedNoise
from causal_lpm.inference.program.coordinates import Coordinates
from causal_lpm.inference.program.data_sites import (
    check_data_sites,
    check_nuisances,
    is_table,
    may_have_any_sign,
    read_with_data,
    shape_of,
)
from causal_lpm.inference.program.evaluation import Draws, NotElementwiseError, alone, torch_seed
from causal_lpm.inference.program.parameters import check_names, parameters_of
from causal_lpm.inference.program.prior import Prior, repeated
from causal_lpm.inference.program.program import Model, series_of
from causal_lpm.inference.program.series import as_series, check_alignment, check_support
from causal_lpm.inference.program.site_noise import SiteNoise, whole_seeds
from causal_lpm.inference.program.weighed_prior import WeighedPrior
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["Problem", "Simulated"]

Array = npt.NDArray[Any]

SCALE_DRAWS = 4096  # from the prior, for its mean and standard deviation


@dataclass(frozen=True)
class Simulated:
    """Simulated data and series of n draws.

    Attributes:
        data: data site -> float64 `[n, *shape of the site]`.
        series: name -> what the model returned, `[n, 1 or groups, days]`.
    """

    data: dict[str, Array]
    series: dict[str, Array] = field(default_factory=dict)


class Problem:
    """What a calibration asks: a model, its data, and densities and simulations of many draws at once.

    Args:
        model: A Pyro program without arguments (`functools.partial` gives it what it needs) with its parameters as
            sample sites and its data as sites `observed(name, distribution)`.
        data: Site -> numbers `[days]` or `[groups, days]`, NaN where a day is missing; numpy, torch, a pandas Series or
            an xarray DataArray, whose dates must ascend.
        surrogate: A differentiable program with the same sites, written elementwise, so that parameters `[draws, 1]`
            give series `[draws, 1 or groups, days]`. A parameter that it lacks keeps its prior, as a normal.

    Attributes:
        parameters: The latent sites in the order of the model.
        nuisances: Those that are marked `infer={"nuisance": True}`.
        coordinates: z, parameters first.
        names: One name an element of the parameters' z: `beta`, or `beta[0]`, `beta[1]` where a site has several.
        size: Length of the parameters' z.
        data: site -> the data and which of them are there, of sites that are simulated.
        tables: Sites of `data` that have no days.
        real_tables: Those of them whose numbers have any sign, such as summaries that a model makes itself.
        terms: site -> the same, of data sites before the simulation.
        series: Names of the series that the model returns.
        series_sizes: Numbers of groups and days of those.
        agents: The most agents of any state that is simulated; 1 where none is.

    Raises:
        TypeError: data that are no mapping.
        ValueError: a data site that the model does not have or that is a parameter, data of another shape, dates out of
            order, negative counts, priors of discrete or nested sites, names that a result cannot hold; a model that
            returns something else than series.

    >>> import pyro, pyro.distributions as dist, torch
    >>> from causal_lpm import observed
    >>> def model():
    ...     rate = pyro.sample("rate", dist.LogNormal(0.0, 1.0))
    ...     observed(
    ...         "count", dist.Poisson(rate.expand(rate.shape + (3,)) if rate.dim() else rate.expand(3)).to_event(1)
    ...     )
    >>> problem = Problem(model, {"count": [2, 0, 1]})
    >>> problem.names, problem.draw(2, seed=0).shape
    (('rate',), torch.Size([2, 1]))
    """

    def __init__(self, model: Model, data: Mapping[str, Any], surrogate: Model | None = None) -> None:
        self.model, self.surrogate = model, surrogate
        if not isinstance(data, Mapping):
            raise TypeError(
                f"the data are a {type(data).__name__}: give a mapping from data sites to numbers, as {{'cases': x}}."
            )
        if not data:
            raise ValueError("there are no data: give a mapping from the model's data sites to their numbers.")
        program = read_with_data(model, data)
        sites, series = program.sites, program.series
        check_data_sites(model, program, data)
        latent, nuisances = program.of("parameter"), program.of("nuisance")
        check_names("data site", data)
        check_names("parameter", {**latent, **nuisances})
        self.parameters = parameters_of(latent)
        self.size = sum(p.where.stop - p.where.start for p in self.parameters)
        self.nuisances = parameters_of(nuisances, start=self.size)
        self.names = tuple(name for p in self.parameters for name in p.names)
        self.coordinates = Coordinates(self.parameters + self.nuisances)
        given = {name: as_series(name, numbers, shape_of(sites[name])) for name, numbers in data.items()}
        for name, numbers in given.items():
            check_support(name, numbers, sites[name].fn)
        self.data = {name: numbers for name, numbers in given.items() if name not in program.terms}
        self.terms = {name: numbers for name, numbers in given.items() if name in program.terms}
        self.tables = frozenset(name for name in self.data if is_table(sites[name].fn))
        self.real_tables = frozenset(name for name in self.tables if may_have_any_sign(sites[name].fn))
        check_alignment({name: series for name, series in self.data.items() if name not in self.tables})
        order = list(sites)
        last = max((order.index(name) for name in self.terms), default=-1)
        late = {*latent, *nuisances}.intersection(order[last + 1 :])
        self.agents = program.agents or 1
        self.prior = Prior(model, self.coordinates, self.terms, late, self.agents)
        self._series = {name: tuple(value.shape) for name, value in series.items()}
        self.series = tuple(self._series)
        self.series_sizes = {size for shape in self._series.values() for size in shape}
        if self.coordinates.parameters:
            self.coordinates.standardise(self.prior.values(SCALE_DRAWS, seed=0))
        if nuisances:
            check_nuisances(model, program, data)
        if surrogate is not None:
            self._check_surrogate(surrogate)

    def _check_surrogate(self, surrogate: Model) -> None:
        sites = read_with_data(surrogate, {**self.data, **self.terms}).of("parameter", "nuisance", "data")
        for name in self.data:
            if name not in sites:
                raise ValueError(f"the surrogate has no data site {name!r}: give it the data sites of the model.")
        extra = set(sites) - set(self.data) - set(self.terms) - {p.name for p in self.coordinates.parameters}
        if extra:
            raise ValueError(
                f"the surrogate has a site {min(extra)!r} that the model does not have: give both the same parameters."
            )

    def under(self, model: Model) -> "Problem":
        """The same parameters, in the same coordinates z, and the same data sites, of another program.

        Args:
            model: With sites of the same names and shapes; priors and likelihoods may differ.

        Raises:
            ValueError: as of a problem; other parameters.
        """
        other = Problem(model, {name: each.values for name, each in {**self.data, **self.terms}.items()})
        shapes = [{p.name: (p.batch, p.event) for p in problem.coordinates.parameters} for problem in (self, other)]
        if shapes[0] != shapes[1]:
            unlike = f"the other model has parameters {sorted(shapes[1])} and this one {sorted(shapes[0])}"
            raise ValueError(f"{unlike}: give both the same, of the same shapes.")
        other.parameters, other.nuisances, other.names = self.parameters, self.nuisances, self.names
        other.coordinates = other.prior.coordinates = self.coordinates
        return other

    def repeated(self, n: int) -> dict[str, torch.Tensor]:
        """The data as those of `n` draws, site -> `[n, *shape]`; 0, which densities leave out, where missing."""
        return repeated(self.data, n)

    def everything(self, n: int) -> dict[str, torch.Tensor]:
        """As `repeated`, with the data of sites before the simulation."""
        return repeated({**self.data, **self.terms}, n)

    # --- parameters ------------------------------------------------------------------------------------------

    def constrain(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
        """Values of the parameters for `z` `[n, size]`: name -> `[n, *batch, *event]`, in the model's units."""
        return self.coordinates.values(z)

    def unconstrain(self, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The inverse of `constrain`, `[n, size]`."""
        return self.coordinates.inverse(values)

    def draw(self, n: int, seed: int) -> torch.Tensor:
        """`n` draws of the prior, z `[n, size]`; the model is run no further than its last latent site."""
        return self.prior.draw(n, seed)[:, : self.size] if self.parameters else torch.zeros(n, 0)

    def log_prior(self, z: torch.Tensor) -> torch.Tensor:
        """Log density of the prior at `z` `[n, size]`, of z itself, without the terms: `[n]`."""
        return self.prior.log_density(z)

    @cached_property
    def weighed(self) -> WeighedPrior | None:
        """The prior weighed by the terms; None where there are none."""
        return WeighedPrior(self.prior, self.size, self.names) if self.terms else None

    def propose(self, n: int, seed: int) -> torch.Tensor:
        """`n` draws of the prior, weighed by the terms, with the nuisances: z `[n, all]`."""
        return (self.weighed or self.prior).draw(n, seed)

    def completed(self, z: torch.Tensor, seed: int) -> torch.Tensor:
        """Z `[n, size]` of parameters with nuisances that go with them, `[n, all]`.

        Terms speak of nuisances, too: then they are those of the most similar draw of the weighed prior.
        """
        nuisances = {p.name for p in self.nuisances}
        if self.weighed is not None and nuisances - self.prior.late:
            return self.weighed.nearest(z)
        return self.prior.drawn_again(z, nuisances, seed)

    # --- densities and simulations -----------------------------------------------------------------------------

    def log_joint(
        self, z: torch.Tensor, data: Mapping[str, torch.Tensor], seed: int = 0, program: Model | None = None
    ) -> torch.Tensor:
        """Log p(data, z) of each draw under a program, differentiable where the program is.

        Args:
            z: `[n, size]`.
            data: site -> `[n, *shape of the site]`, a data set each; missing days are those of the problem.
            seed: Of the luck of the agents, where the program has any.
            program: The surrogate, or the model where there is none, unless another one is given.

        Returns:
            `[n]`.
        """
        prior, likelihood = self._log_densities(z, data, seed, program or self.surrogate or self.model)
        return prior + likelihood

    def log_guided(self, z: torch.Tensor, data: Mapping[str, torch.Tensor], seed: int = 0) -> torch.Tensor:
        """As `log_joint`; what the terms say is there as a normal density in z, near enough for a summary."""
        if self.weighed is None:
            return self.log_joint(z, data, seed)
        told: torch.Tensor = self.weighed.normal.log_prob(z)
        return self.log_likelihood(z, data, seed) + told

    def log_likelihood(
        self, z: torch.Tensor, data: Mapping[str, torch.Tensor], seed: int = 0, program: Model | None = None
    ) -> torch.Tensor:
        """Log p(data | z), as `log_joint`."""
        return self._log_densities(z, data, seed, program or self.surrogate or self.model)[1]

    def _log_densities(
        self, z: torch.Tensor, data: Mapping[str, torch.Tensor], seed: int, program: Model
    ) -> tuple[torch.Tensor, torch.Tensor]:
        seeds = (replicate_seed(seed, 0) >> 20) + torch.arange(len(z), dtype=torch.int64)[:, None]
        given = self._given(z, data)
        with alone(), KeyedNoise(seeds), given:
            program()
        return self.coordinates.log_density(z, given.log_prior, given.missing), given.log_likelihood

    def _given(self, z: torch.Tensor, data: Mapping[str, torch.Tensor], densities: bool = True) -> Draws:
        values = self.coordinates.placed(z)
        free = {p.name: p.batch for p in self.nuisances if p.name not in values}
        present = {name: series.present for name, series in {**self.data, **self.terms}.items()}
        return Draws(len(z), values, free, data, present, densities=densities)

    def simulate(self, z: torch.Tensor, seeds: torch.Tensor, stray: int = 0) -> Simulated:
        """Data and series of the exact model; a row's numbers do not depend on the rows beside it.

        Args:
            z: `[n, size]`, or with the nuisances, `[n, all]`; without them they are luck of each draw.
            seeds: int64 `[n]`, of the luck of each draw.
            stray: Seed of torch's own generator, from which a model should not draw.

        Returns:
            Data of all days, also of those that are missing in the given data.

        Raises:
            ValueError: the model does not carry the draws through to its data sites.
        """
        lucky = [p.name for p in self.nuisances if p.where.stop > z.shape[1]]
        reports = SiteNoise([*self.data, *lucky], seeds.tolist())
        noise = KeyedNoise(whole_seeds(seeds, len(z))[:, None])
        given = self._given(z, repeated(self.terms, len(z)), densities=False)
        with torch.no_grad(), torch_seed(stray), alone(), noise, given, reports:
            returned = self.model()
        data = {
            name: _rows(f"data site {name!r}", given.drawn[name], len(z), tuple(series.values.shape))
            for name, series in self.data.items()
        }
        found = {
            name: _rows(f"series {name!r}", value, len(z), self._series[name])
            for name, value in series_of(returned).items()
        }
        return Simulated(data, found)


def _rows(what: str, value: torch.Tensor, n: int, shape: tuple[int, ...]) -> Array:
    """`[n, *shape]` of a value whose leftmost dimension is the draws, or of one without draws."""
    sizes = [size for size in value.shape if size > 1]
    own = [size for size in shape if size > 1]
    if sizes == ([n, *own] if n > 1 else own):
        return value.reshape(n, *shape).double().numpy()
    if sizes == own:
        return value.reshape(1, *shape).expand(n, *shape).double().numpy().copy()
    raise NotElementwiseError(what, tuple(value.shape), (n, *shape))

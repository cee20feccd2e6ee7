"""A Pyro model and its data, seen as a problem of inference: parameters, prior, data sites, densities, simulations.

Parameters are the model's latent sample sites. They live in one vector z: each value through the inverse of Pyro's
`biject_to` of its prior's support, less the mean and divided by the standard deviation of the prior there. So z is
unbounded and of order one whatever the units are.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt
import torch

from causal_lpm.handlers import KeyedNoise
from causal_lpm.inference.program.data_sites import check_data_sites, read_with_data
from causal_lpm.inference.program.evaluation import (
    GivenDraws,
    NotElementwiseError,
    PriorDraws,
    alone,
    stopping,
    torch_seed,
)
from causal_lpm.inference.program.parameters import Parameter, check_names, parameters_of
from causal_lpm.inference.program.program import Model, series_of
from causal_lpm.inference.program.series import Series, as_series, check_alignment, check_support
from causal_lpm.inference.program.site_noise import SiteNoise, whole_seeds
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
        names: One name an element of z: `beta`, or `beta[0]`, `beta[1]` where a site has several.
        size: Length of z.
        data: site -> the data and which of them are there.
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
                f"the data are a {type(data).__name__}: give a mapping from the model's data sites to their numbers, "
                "as {'cases': series}."
            )
        if not data:
            raise ValueError("there are no data: give a mapping from the model's data sites to their numbers.")
        program = read_with_data(model, data)
        sites, series = program.sites, program.series
        check_data_sites(model, program, data)
        latent = program.of("parameter", "nuisance")
        check_names("data site", data)
        check_names("parameter", latent)
        self.parameters = parameters_of(latent)
        self.size = sum(p.where.stop - p.where.start for p in self.parameters)
        self.names = tuple(name for p in self.parameters for name in p.names)
        self.data: dict[str, Series] = {
            name: as_series(name, given, tuple(sites[name].value.shape)) for name, given in data.items()
        }
        check_alignment(self.data)
        for name, numbers in self.data.items():
            check_support(name, numbers, sites[name].fn)
        self._series = {name: tuple(value.shape) for name, value in series.items()}
        self.series = tuple(self._series)
        self.series_sizes = {size for shape in self._series.values() for size in shape}
        self.agents = program.agents or 1
        self._centre, self._scale = torch.zeros(self.size), torch.ones(self.size)
        if self.parameters:
            self._standardise()
        if surrogate is not None:
            self._check_surrogate(surrogate)

    def _standardise(self) -> None:
        z = self.draw(SCALE_DRAWS, seed=0).double()
        self._centre, self._scale = z.mean(0).float(), z.std(0).clamp(min=1e-6).float()

    def _check_surrogate(self, surrogate: Model) -> None:
        sites = read_with_data(surrogate, self.data).of("parameter", "nuisance", "data")
        for name in self.data:
            if name not in sites:
                raise ValueError(f"the surrogate has no data site {name!r}: give it the data sites of the model.")
        extra = set(sites) - set(self.data) - {p.name for p in self.parameters}
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
        other = Problem(model, {name: series.values for name, series in self.data.items()})
        shapes = [{p.name: (p.batch, p.event) for p in problem.parameters} for problem in (self, other)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"the other model has parameters {sorted(shapes[1])} and this one {sorted(shapes[0])}: give both the "
                "same, of the same shapes."
            )
        other.parameters, other.names = self.parameters, self.names
        other._centre, other._scale = self._centre, self._scale
        return other

    def repeated(self, n: int) -> dict[str, torch.Tensor]:
        """The data as those of `n` draws, site -> `[n, *shape]`; 0, which densities leave out, where missing."""
        return {
            name: torch.nan_to_num(series.values).expand(n, *series.values.shape) for name, series in self.data.items()
        }

    # --- parameters ------------------------------------------------------------------------------------------

    def constrain(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
        """Values of the parameters for `z` `[n, size]`: name -> `[n, *batch, *event]`, in the model's units."""
        return {p.name: value.reshape(len(z), *p.batch, *p.event) for value, p in self._placed(z)}

    def _placed(self, z: torch.Tensor) -> Iterator[tuple[torch.Tensor, Parameter]]:
        """Values with the draws left of the place of the agents: `[n, 1, *event]` or `[n, batch, *event]`."""
        raw = z * self._scale + self._centre
        for p in self.parameters:
            batch = p.batch or (1,)
            unconstrained = raw[:, p.where].reshape(len(z), *batch, *p.unconstrained[len(p.batch) :])
            yield p.transform(unconstrained), p

    def unconstrain(self, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The inverse of `constrain`, `[n, size]`."""
        parts = [
            p.transform.inv(torch.as_tensor(values[p.name])).reshape(len(values[p.name]), -1) for p in self.parameters
        ]
        return (torch.cat(parts, -1) - self._centre) / self._scale

    def draw(self, n: int, seed: int) -> torch.Tensor:
        """`n` draws of the prior, z `[n, size]`; the model is run no further than its last parameter."""
        if not self.parameters:
            return torch.zeros(n, 0)
        prior = PriorDraws({p.name: p.batch for p in self.parameters}, n)
        with torch.no_grad(), torch_seed(seed), alone(), KeyedNoise(seed), stopping(), prior:
            self.model()
        values = {p.name: prior.values[p.name].reshape(n, *p.batch, *p.event) for p in self.parameters}
        return self.unconstrain(values).float()

    def log_prior(self, z: torch.Tensor) -> torch.Tensor:
        """Log density of the prior at `z` `[n, size]`, of z itself: `[n]`."""
        given = self._given(z, {}, stop=True)
        with torch_seed(0), alone(), KeyedNoise(0), stopping(), given:
            self.model()
        return given.log_prior + self._log_jacobian(z)

    def _log_jacobian(self, z: torch.Tensor, without: frozenset[str] = frozenset()) -> torch.Tensor:
        """Log volume of the parameters' values per volume of z, `[n]`."""
        raw = z * self._scale + self._centre
        total = torch.zeros(len(z))
        for p in self.parameters:
            if p.name not in without:
                shaped = raw[:, p.where].reshape(len(z), *p.unconstrained)
                jacobian = p.transform.log_abs_det_jacobian(shaped, p.transform(shaped))
                total = total + jacobian.reshape(len(z), -1).sum(-1) + self._scale[p.where].log().sum()
        return total

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
        prior = given.log_prior + self._log_jacobian(z, frozenset(given.missing))
        for p in self.parameters:
            if p.name in given.missing:
                prior = prior - (z[:, p.where] ** 2 / 2 + math.log(2 * math.pi) / 2).sum(-1)
        return prior, given.log_likelihood

    def _given(self, z: torch.Tensor, data: Mapping[str, torch.Tensor], stop: bool = False) -> GivenDraws:
        values = {p.name: value for value, p in self._placed(z)}
        return GivenDraws(values, {name: series.present for name, series in self.data.items()}, data, stop)

    def simulate(self, z: torch.Tensor, seeds: torch.Tensor, stray: int = 0) -> Simulated:
        """Data and series of the exact model; a row's numbers do not depend on the rows beside it.

        Args:
            z: `[n, size]`.
            seeds: int64 `[n]`, of the luck of each draw.
            stray: Seed of torch's own generator, from which a model should not draw.

        Returns:
            Data of all days, also of those that are missing in the given data.

        Raises:
            ValueError: the model does not carry the draws through to its data sites.
        """
        reports = SiteNoise(self.data, seeds.tolist())
        noise = KeyedNoise(whole_seeds(seeds, len(z))[:, None])
        with torch.no_grad(), torch_seed(stray), alone(), noise, self._given(z, {}) as given, reports:
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

"""One vector z for all parameters: without bounds, and of order one whatever the units of the parameters are."""

import math
from collections.abc import Collection, Iterator, Mapping

import torch

from causal_lpm.inference.program.parameters import Parameter

__all__ = ["Coordinates"]


class Coordinates:
    """Each value through the inverse of Pyro's `biject_to` of its prior's support, less its mean, over its deviation.

    A z may end before the last parameters; then it is of the first ones only.

    Args:
        parameters: In the order of z.

    Attributes:
        names: One an element of z.
        centre: What is subtracted, `[size]`.
        scale: What is divided by, `[size]`.

    >>> import pyro.distributions as dist
    >>> rate = Parameter("rate", dist.LogNormal(0.0, 1.0), torch.tensor(1.0), slice(0, 1))
    >>> Coordinates([rate]).values(torch.zeros(2, 1))
    {'rate': tensor([1., 1.])}
    """

    def __init__(self, parameters: Collection[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self.size = sum(p.where.stop - p.where.start for p in self.parameters)
        self.names = tuple(name for p in self.parameters for name in p.names)
        self.centre, self.scale = torch.zeros(self.size), torch.ones(self.size)

    def standardise(self, values: Mapping[str, torch.Tensor], least: float = 1e-6) -> None:
        """Takes mean and standard deviation from draws, name -> `[n, *batch, *event]`."""
        z = self.inverse(values).float().double()
        self.centre, self.scale = z.mean(0).float(), z.std(0).clamp(min=least).float()

    def placed(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
        """Values with the draws left of the place of the agents: name -> `[n, 1 or batch, *event]`."""
        return {
            p.name: p.possible(p.transform(raw.reshape(len(z), *(p.batch or (1,)), *p.unconstrained[len(p.batch) :])))
            for p, raw in self._raw(z)
        }

    def values(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
        """Values in the model's units, name -> `[n, *batch, *event]`."""
        shapes = {p.name: (len(z), *p.batch, *p.event) for p in self.parameters}
        return {name: value.reshape(shapes[name]) for name, value in self.placed(z).items()}

    def inverse(self, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Z of values `[n, *batch, *event]`, up to the last parameter that has any; 0 for those before without."""
        n, parts = len(next(iter(values.values()))), list[torch.Tensor]()
        last = max(number for number, p in enumerate(self.parameters) if p.name in values)
        for p in self.parameters[: last + 1]:
            if p.name in values:
                parts.append(p.transform.inv(torch.as_tensor(values[p.name])).reshape(n, -1))
            else:
                parts.append(self.centre[p.where].expand(n, -1))
        z = torch.cat(parts, -1)
        return (z - self.centre[: z.shape[1]]) / self.scale[: z.shape[1]]

    def log_volume(self, z: torch.Tensor, without: Collection[str] = ()) -> torch.Tensor:
        """Log volume of the parameters' values per volume of z, `[n]`."""
        total = torch.zeros(len(z))
        for p, raw in self._raw(z):
            if p.name not in without:
                shaped = raw.reshape(len(z), *p.unconstrained)
                jacobian = p.transform.log_abs_det_jacobian(shaped, p.transform(shaped))
                total = total + jacobian.reshape(len(z), -1).sum(-1) + self.scale[p.where].log().sum()
        return total

    def log_density(self, z: torch.Tensor, of_values: torch.Tensor, missing: Collection[str] = ()) -> torch.Tensor:
        """Log density of z, given that of its values, `[n]`; a parameter that is missing there is standard normal."""
        total = of_values + self.log_volume(z, missing)
        for p in self.parameters:
            if p.name in missing:
                total = total - (z[:, p.where] ** 2 / 2 + math.log(2 * math.pi) / 2).sum(-1)
        return total

    def _raw(self, z: torch.Tensor) -> Iterator[tuple[Parameter, torch.Tensor]]:
        """Each parameter in z, and its elements without constraints, `[n, elements]`."""
        width = z.shape[1]
        raw = z * self.scale[:width] + self.centre[:width]
        return ((p, raw[:, p.where]) for p in self.parameters if p.where.stop <= width)

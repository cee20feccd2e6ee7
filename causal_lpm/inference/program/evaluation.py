"""Runs of a program with many draws side by side: handlers that draw its prior, and that add up its densities.

Far out in a prior a program may leave the range of floating-point numbers. Such a draw has no density (NaN) and passes
no gradient, and the draws beside it are none the worse.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pyro
import torch
from pyro.poutine.messenger import Messenger

from causal_lpm.inference.program.scoring import log_density, per_draw, valid_density

__all__ = [
    "ELEMENTWISE",
    "Given",
    "GivenDraws",
    "NotElementwiseError",
    "PriorDraws",
    "alone",
    "each_draw",
    "stopping",
    "torch_seed",
]


ELEMENTWISE = (
    "write the model elementwise, so that parameters of shape [draws, 1] pass through it; where one meets a series "
    "[draws, 1, days], write parameter[..., None]."
)

FEW = 10  # draws that a program may fail with, even if there are no others


class NotElementwiseError(ValueError):
    """Draws of the parameters do not pass through the program side by side."""

    def __init__(self, what: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
        super().__init__(
            f"{what} came out with shape {shape} for {expected[0]} draws of the parameters, not {expected}: "
            + ELEMENTWISE
        )


class _LastParameter(Exception):
    """Nothing after the last parameter is needed."""


def alone() -> Messenger:
    """Handlers outside, such as those of an SVI over z, must not take the model's sites for their own."""
    block: Messenger = pyro.poutine.block()
    return block


@contextmanager
def stopping() -> Iterator[None]:
    """A program may end here after its last parameter."""
    with suppress(_LastParameter):
        yield


@contextmanager
def torch_seed(seed: int) -> Iterator[None]:
    """Torch's generator, begun at a seed and put back at the end."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        yield


class Given(Messenger):
    """Gives parameters their values, draws in front: `[rows, *batch or 1, *event]`, as the model's sites take them.

    Args:
        values: Name -> `[rows, *batch, *event]`.

    Raises:
        ValueError: a draw of another size than the site has.

    >>> import pyro.distributions as dist
    >>> with Given({"rate": torch.tensor([1.0, 2.0])}):
    ...     pyro.sample("rate", dist.LogNormal(0.0, 1.0)).shape
    torch.Size([2, 1])
    """

    def __init__(self, values: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self._values = values

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] in self._values:
            value = self._values[msg["name"]]
            size, own = torch.Size(msg["fn"].shape()).numel(), value.numel()
            if own not in (size, size * len(value)):  # a prior may depend on the draws
                wanted = tuple(size for size in msg["fn"].shape() if size > 1)
                raise ValueError(
                    f"a draw of parameter {msg['name']!r} has shape {tuple(value.shape[1:])} where the model's site "
                    f"has {wanted}: give draws [draw, *shape of the site]."
                )
            # Without a plate, a place for the agents between the draws and the event.
            plain = value.dim() - 1 == msg["fn"].event_dim
            msg["value"], msg["done"] = value[:, None] if plain else value, True


class PriorDraws(Messenger):
    """Draws n values of every parameter, and stops after the last.

    Args:
        batches: parameter -> its batch shape, of plates.
        n: How many.

    Attributes:
        values: parameter -> `[n, 1 or batch, *event]`.
    """

    def __init__(self, batches: Mapping[str, tuple[int, ...]], n: int) -> None:
        super().__init__()
        self._batches, self._missing, self._n = batches, set(batches), n
        self.values: dict[str, torch.Tensor] = {}

    def _pyro_sample(self, msg: Any) -> None:
        name, fn = msg["name"], msg["fn"]
        if name in self._missing:
            _check_fixed(name, fn, len(self._batches[name]))
            msg["value"], msg["done"] = fn.expand((self._n, *(self._batches[name] or (1,))))(), True

    def _pyro_post_sample(self, msg: Any) -> None:
        name = msg["name"]
        if name in self._missing:
            self._missing.discard(name)
            self.values[name] = msg["value"]
            if not self._missing:
                raise _LastParameter


class GivenDraws(Messenger):
    """Gives parameters and data to a program and adds up their log densities, draw by draw.

    Args:
        values: parameter -> `[n, 1 or batch, *event]`.
        present: data site -> which of its numbers are there, bool `[*shape]`.
        data: data site -> `[n, *shape]`; sites that are not given are drawn.
        stop: After the last parameter.

    Attributes:
        log_prior: `[n]`.
        log_likelihood: `[n]`.
        drawn: data site -> what it had.
        missing: Parameters that the program has not sampled.
    """

    def __init__(
        self,
        values: Mapping[str, torch.Tensor],
        present: Mapping[str, torch.Tensor],
        data: Mapping[str, torch.Tensor],
        stop: bool = False,
    ) -> None:
        super().__init__()
        self._values, self._present, self._data = _guarded(values), present, data
        self.missing, self._stop = set(values), stop
        self._n = len(next(iter(values.values())))
        self.drawn: dict[str, torch.Tensor] = {}
        self.log_prior = torch.zeros(self._n)
        self.log_likelihood = torch.zeros(self._n)
        self._densities, self._checks = bool(data) or stop, ExitStack()

    def __enter__(self) -> Any:
        # Where data are drawn, a distribution refuses impossible arguments itself, whatever other packages have turned
        # off. Where densities are asked, it would refuse all draws for one of them.
        drawn = not self._densities
        self._checks.enter_context(
            pyro.settings.context(validate_distributions_torch=drawn, validate_distributions_pyro=drawn)
        )
        return super().__enter__()

    def __exit__(self, *error: Any) -> Any:
        self._checks.close()
        return super().__exit__(*error)

    def _pyro_sample(self, msg: Any) -> None:
        name, fn = msg["name"], msg["fn"]
        if name in self._values:
            value = self._values[name]
            log_prob = valid_density(fn, value) if self._densities else fn.log_prob(value)
            _check_shape(f"the prior of {name!r}", log_prob.shape, value.shape[: value.dim() - fn.event_dim])
            self.log_prior = self.log_prior + per_draw(log_prob, self._n)
            msg["value"], msg["done"] = value, True
        elif name in self._data:
            present = self._present[name]
            shape = tuple(fn.shape())
            _check_shape(f"data site {name!r}", shape, (self._n, *present.shape))
            filling = (1,) * (len(shape) - present.dim() - 1)
            value = self._data[name].reshape(self._n, *filling, *present.shape)
            self.log_likelihood = self.log_likelihood + per_draw(log_density(name, fn, value, present), self._n)
            msg["value"], msg["done"] = value, True

    def _pyro_post_sample(self, msg: Any) -> None:
        name = msg["name"]
        if name in self._present:
            self.drawn[name] = msg["value"]
        self.missing.discard(name)
        if self._stop and not self.missing:
            raise _LastParameter


def _guarded(values: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """The same values `[n, ...]`; no gradient reaches a draw of which a part is NaN or infinite."""
    whole = torch.cat([value.flatten(1) for value in values.values()], 1)
    if not whole.requires_grad:
        return values
    whole.register_hook(lambda slope: torch.where(slope.isfinite().all(1, keepdim=True), slope, 0.0))
    parts = whole.split([value[0].numel() for value in values.values()], 1)
    return {
        name: part.reshape(old.shape).to(old.dtype) for (name, old), part in zip(values.items(), parts, strict=True)
    }


def each_draw(density: Callable[[slice], torch.Tensor], n: int) -> torch.Tensor:
    """Densities of n draws, `[n]`; NaN for those that the program fails with.

    A program that fails is run again with either half of its draws, until those are alone that it fails with.

    Args:
        density: Rows -> the density of each.
        n: Number of rows.

    Raises:
        Exception: the program's own, where it fails with more than half of many draws.

    >>> rates = torch.tensor([1.0, -1.0, 2.0])
    >>> each_draw(lambda rows: torch.distributions.Poisson(rates[rows]).log_prob(torch.tensor(0.0)), 3)
    tensor([-1., nan, -2.])
    """
    failures: list[Exception] = []

    def of(rows: slice) -> torch.Tensor:
        try:
            return density(rows)
        except (NotElementwiseError, torch.OutOfMemoryError):
            raise
        except (ArithmeticError, RuntimeError, ValueError) as error:
            if rows.stop - rows.start == 1:
                failures.append(error)
                if len(failures) > max(n // 2, FEW):
                    error.add_note(f"The program fails with {len(failures)} of {rows.stop} draws of the parameters.")
                    raise
                return torch.full((1,), torch.nan)
        middle = (rows.start + rows.stop) // 2
        return torch.cat([of(slice(rows.start, middle)), of(slice(middle, rows.stop))])

    return of(slice(0, n))


def _check_shape(what: str, shape: Collection[int], expected: Collection[int]) -> None:
    """A distribution may lack draws or days, over which it is then the same; it may not have more of anything."""
    try:
        whole = torch.broadcast_shapes(tuple(shape), _spread(tuple(expected), len(shape)))
    except RuntimeError:
        whole = torch.Size()
    if [size for size in whole if size > 1] != [size for size in expected if size > 1]:
        raise NotElementwiseError(what, tuple(shape), tuple(expected))


def _spread(expected: tuple[int, ...], dims: int) -> tuple[int, ...]:
    """`[n, *shape]` as `[n, 1, ..., 1, *shape]` of so many dimensions, if it has fewer."""
    return (expected[0], *(1,) * (dims - len(expected)), *expected[1:])


def _check_fixed(name: str, fn: Any, batch_dims: int) -> None:
    """Raises ValueError where the bounds of a prior are drawn themselves: z could not be told apart from them."""
    support = fn.support
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    for end in ("lower_bound", "upper_bound"):
        bound = torch.as_tensor(getattr(support, end, 0.0))
        if bound.dim() > batch_dims + fn.event_dim and bool((bound != bound[:1]).any()):
            raise ValueError(
                f"the prior of {name!r} has bounds that another parameter sets: give it fixed bounds, and compute what "
                "depends on the other parameter from it."
            )

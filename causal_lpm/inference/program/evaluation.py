"""Runs of a program with many draws side by side: a handler that gives or draws its parameters, and adds up densities.

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
    "Draws",
    "Given",
    "NotElementwiseError",
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


class _Enough(Exception):
    """Nothing of the program is needed any more."""


def alone() -> Messenger:
    """Handlers outside, such as those of an SVI over z, must not take the model's sites for their own."""
    block: Messenger = pyro.poutine.block()
    return block


@contextmanager
def stopping() -> Iterator[None]:
    """A program may be left here before its end."""
    with suppress(_Enough):
        yield


@contextmanager
def torch_seed(seed: int) -> Iterator[None]:
    """Torch's generator, begun at a seed and put back at the end."""
    with torch.random.fork_rng(devices=[]):
        # Torch's own `manual_seed` notes where it was called for each kind of device, which costs half a millisecond.
        torch.default_generator.manual_seed(seed % 2**63)
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(seed % 2**63)
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


class Draws(Messenger):
    """n draws of a program side by side: parameters that are given or drawn, data, and their log densities.

    Args:
        n: How many.
        values: parameter -> `[n, 1 or batch, *event]`.
        free: parameter that is drawn from its prior -> its batch shape, of plates.
        data: data site -> `[n, *shape]`; sites that are not given are drawn.
        present: data site -> which of its numbers are there, bool `[*shape]`.
        until: Sites after the last of which the program is left; none, to run it to its end.
        densities: Whether densities are asked for, or only what the program makes of the values.

    Attributes:
        log_prior: Of the values, `[n]`.
        log_likelihood: Of the data, `[n]`.
        drawn: What a free parameter or data site had.
        missing: Parameters with values that the program has not sampled.
    """

    def __init__(
        self,
        n: int,
        values: Mapping[str, torch.Tensor],
        free: Mapping[str, tuple[int, ...]],
        data: Mapping[str, torch.Tensor],
        present: Mapping[str, torch.Tensor],
        until: Collection[str] = (),
        densities: bool = True,
    ) -> None:
        super().__init__()
        self._n, self._values, self._free = n, _guarded(values), free
        self._data, self._present = data, present
        self._until, self._stop, self.missing = set(until), bool(until), set(values)
        self.drawn: dict[str, torch.Tensor] = {}
        self.log_prior, self.log_likelihood = torch.zeros(n), torch.zeros(n)
        self._densities, self._checks = densities, ExitStack()

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
        elif name in self._free and not msg["done"]:
            _check_fixed(name, fn, len(self._free[name]))
            value = fn.expand((self._n, *(self._free[name] or (1,))))()
        elif name in self._data:
            present = self._present[name]
            shape = tuple(fn.shape())
            _check_shape(f"data site {name!r}", shape, (self._n, *present.shape))
            filling = (1,) * (len(shape) - present.dim() - 1)
            value = self._data[name].reshape(self._n, *filling, *present.shape)
            if self._densities:
                density = per_draw(log_density(name, fn, value, present), self._n)
                self.log_likelihood = self.log_likelihood + density
        else:
            return
        msg["value"], msg["done"] = value, True

    def _pyro_post_sample(self, msg: Any) -> None:
        name = msg["name"]
        if name in self._present or name in self._free:
            self.drawn[name] = msg["value"]
        self.missing.discard(name)
        self._until.discard(name)
        if self._stop and not self._until:
            raise _Enough


def _guarded(values: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """The same values `[n, ...]`; no gradient reaches a draw of which a part is NaN or infinite."""
    if not any(value.requires_grad for value in values.values()):
        return values
    whole = torch.cat([value.flatten(1) for value in values.values()], 1)
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

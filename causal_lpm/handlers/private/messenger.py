"""Private: an unchanged model runs on secret entries of its state."""

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torch.utils._pytree import tree_any

from causal_lpm import validate
from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.private.allocation import allocated, allocated_by_group
from causal_lpm.handlers.private.choices import chosen
from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.errors import Unsupported
from causal_lpm.handlers.private.look_ups import entries
from causal_lpm.handlers.private.luck import Dealt, Luck, Owner
from causal_lpm.handlers.private.numbers import is_secret, truncated
from causal_lpm.handlers.private.owned import Blocks
from causal_lpm.handlers.private.release import Releasing
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.share_layer import ShareLayer
from causal_lpm.handlers.private.sharing import BITS, checked_blocks, closer_bounds, opened
from causal_lpm.handlers.private.totals import total_by_group
from causal_lpm.ops.allocate import CLASSES, whole_supply
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.looking import Everybody
from causal_lpm.ops.outcomes import data_of
from causal_lpm.ops.tally import check_groups

__all__ = ["NoiseMode", "Private"]

NoiseMode: TypeAlias = Literal["owner", "dealt", "public"]
"""Who knows the luck of an agent: the party that it belongs to; nobody; everybody, as it comes from the seed."""

Small: TypeAlias = Mapping[str, int | tuple[int, int]]


class Private(Handler):
    """Runs a model on secrets: what concerns values is computed on parts, and only what is released is opened.

    The model is that of any run, with secrets among the entries of its initial state. It may stand inside or outside of
    `KeyedNoise`, of worlds and of interventions; noise of networks and of ties in `allocate` is always the seed's.

    Args:
        layer: The protocol of the parties; by default `Clear`, one party, which hides nothing and is the reference.
        noise: `"owner"` (each party draws for its own agents, and knows their luck), `"dealt"` (the dealer draws, and
            no party knows it) or `"public"` (the seed's: then a run is a function of the initial state, and exact
            totals tell who was infected).
        release: What may be opened of the tallies, see `Releasing`; None opens nothing, and all of one party.
        small: Name of an entry -> how many values it has from 0, or its lowest and highest whole number. Up to 64
            values take one round where others take several. Nobody can check it: a number outside makes results wrong.
        blocks: The rows of each party, needed for `"owner"` noise of several.

    Raises:
        ValueError: an unknown mode, a bound that is not of whole numbers, blocks that do not fit the parties; exact
            releases with public noise that nobody has asked for by name; a simulation without secrets.

    >>> import torch
    >>> from causal_lpm import KeyedNoise, event, rollout, tally
    >>> from causal_lpm.handlers.private.sharing import share
    >>> def day(s):
    ...     tally("recoveries", event("recovery", 0.2, where=s["ill"]))
    ...     return s
    >>> ill = share(Clear(), torch.ones(1000, dtype=torch.bool), [(0, 1000)])
    >>> with KeyedNoise(1), Private(noise="public"):
    ...     run = rollout(day, {"ill": ill}, days=1)
    >>> run.tallies["recoveries"], run.state["ill"]
    (tensor([[175]]), Secret((1000,), torch.bool))
    """

    one_process = True

    def __init__(
        self,
        layer: ShareLayer | None = None,
        noise: NoiseMode = "owner",
        release: Releasing | None = None,
        small: Small | None = None,
        blocks: Blocks | None = None,
    ) -> None:
        super().__init__()
        validate.known("noise of a private run", noise, get_args(NoiseMode))
        self.layer = Clear() if layer is None else layer
        self.noise, self.release, self.blocks = noise, release, blocks
        self.small = {name: _ends(name, bound) for name, bound in (small or {}).items()}
        if blocks is not None:
            checked_blocks(blocks, self.layer.parties)
        elif noise == "owner" and self.layer.parties > 1:
            raise ValueError("noise='owner' needs the rows of each party: give blocks=[(0, 500), (500, 1000)], say.")
        if noise == "public" and release is not None and not (release.noisy or release.exact):
            raise ValueError(
                "noise='public' with releases that are exact: the totals tell who was infected, as the run is a "
                "function of the initial state; use noise='owner', or give the release noise (sigma2=) or exact=True."
            )
        self._public = noise == "public"
        self._luck: Luck | None = Dealt(self.layer) if noise == "dealt" else None

    def __repr__(self) -> str:
        return f"Private(noise={self.noise!r})"

    def _pyro_rollout(self, msg: Any) -> None:
        state = msg["args"][1]
        if not any(is_secret(value) for value in state.values()):
            raise ValueError(
                "a private simulation begins without a secret: its handler that shares the state was not in force, or "
                "the model has read numbers of its own; give it secrets (share) as entries of the state."
            )
        for name in self.small:
            validate.known("entry of the state", name, state)

    def _pyro_step(self, msg: Any) -> None:
        if self._luck is not None:
            self._luck.begin_step()
        dynamics, state, *others = msg["args"]
        secrets = {name: state[name] for name in self.small if is_secret(state.get(name))}
        closer = {name: closer_bounds(x, *(end << x.bits for end in self.small[name])) for name, x in secrets.items()}
        msg["args"] = (dynamics, {**state, **closer}, *others)

    def _pyro_check(self, msg: Any) -> None:
        if _has_secret(msg["args"][0]):  # each party has checked its own rows
            msg["fn"] = lambda *_: None

    def _pyro_found(self, msg: Any) -> None:
        if is_secret(msg["args"][0]):
            msg["fn"] = Everybody

    def _pyro_look_up(self, msg: Any) -> None:
        if is_secret(msg["args"][1]):
            msg["fn"] = entries

    def _pyro_event(self, msg: Any) -> None:
        name, hazard, obs, where = msg["args"]
        if self._public and not _has_secret((hazard, where)):
            return
        if data_of(name, obs) is not None:
            raise Unsupported(
                f"event {name!r} is observed in a private run: observe released totals, with observed(...), instead."
            )
        msg["fn"] = self._event

    def _event(self, name: str, hazard: Tensor, obs: Any, where: Tensor | None = None) -> Tensor:
        agents = max(hazard.shape[-1], 1 if where is None else where.shape[-1])
        hazard = hazard.expand((*hazard.shape[:-1], agents))
        if not is_secret(hazard):
            validate.hazard(name, hazard)
        if self._public:
            happens: Any = exogenous(name, agents) < hazard
        else:
            happens = self._drawn(agents).happens(name, hazard)
        result: Tensor = happens if where is None else happens & where
        return result

    def _drawn(self, agents: int) -> Luck:
        if self._luck is None:
            self._luck = Owner(self.layer, [(0, agents)] if self.blocks is None else self.blocks)
        return self._luck

    def _pyro_choose(self, msg: Any) -> None:
        name, logits, obs, coupling, one_hot = msg["args"]
        if self._public and not is_secret(logits):
            return
        if data_of(name, obs) is not None:
            raise Unsupported(f"choice {name!r} is observed in a private run: observe released totals instead.")
        msg["fn"] = lambda *_: chosen(name, logits, coupling, one_hot)

    # The value, and not `fn`: KeyedNoise would put its own in the place of that.
    def _pyro_exogenous(self, msg: Any) -> None:
        name, agents, kind, slots, index = msg["args"]
        if _has_secret(index):
            raise Unsupported(
                f"noise {name!r} is picked by a secret index: draw it without one, or once before the rollout."
            )
        if self._public or kind == "bits" or agents == 1 or msg["done"]:
            return
        if index is not None:
            raise Unsupported(
                f"noise {name!r} with an index is the seed's: use noise='public', or draw it without one."
            )
        msg["value"], msg["done"] = self._drawn(agents).field(name, agents, kind, slots), True

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """In the block noise is the seed's."""
        before, self._public = self._public, True
        try:
            yield
        finally:
            self._public = before

    def _pyro_exposure(self, msg: Any) -> None:
        if not msg["done"] and is_secret(msg["args"][1]):
            msg["fn"] = _exposure

    def _pyro_tally(self, msg: Any) -> None:
        if not msg["done"] and _has_secret(msg["args"][1:3]):
            msg["fn"] = _tally

    def _pyro_allocate(self, msg: Any) -> None:
        if not msg["done"] and _has_secret(msg["args"]):
            msg["value"], msg["done"] = self._allocate(*msg["args"]), True

    def _allocate(self, name: str, priority: Tensor, supply: Tensor, by: Tensor | None) -> Tensor:
        if not is_secret(priority):
            raise Unsupported(f"allocation {name!r} has public priorities beside secrets: share the priorities.")
        with self._seeded():
            noise = exogenous(name, priority.shape[-1])
        whole = supply if is_secret(supply) else whole_supply(name, priority.shape[-1], supply)
        if by is not None:
            return allocated_by_group(name, priority, noise, whole, supply, by, CLASSES)
        return allocated(priority, noise.argsort(dim=-1, stable=True), whole, CLASSES)

    def _pyro_release(self, msg: Any) -> None:
        msg["fn"] = self._release

    def _release(self, series: dict[str, Tensor]) -> dict[str, Tensor]:
        secrets: dict[str, Tensor] = {name: x for name, x in series.items() if is_secret(x)}
        if self.release is not None:
            may_leave = dict(self.release.check(secrets)) if secrets else secrets
        else:
            may_leave = secrets if self.layer.parties == 1 else {}
        return {**series, **opened(may_leave)}


def _has_secret(x: Any) -> bool:
    return tree_any(is_secret, x)


def _ends(name: str, bound: int | tuple[int, int]) -> tuple[int, int]:
    if isinstance(bound, tuple):
        low, high = (validate.whole_number(f"a bound of {name!r}", end, low=-(2**40), high=2**40) for end in bound)
        if high < low:
            raise ValueError(f"the bounds of {name!r} are {bound}: give the lowest number first.")
        return low, high
    return 0, validate.whole_number(f"the number of values of {name!r}", bound, high=2**40) - 1


def _exposure(layers: Mapping[str, Any], infectiousness: Secret) -> dict[str, Tensor]:
    x: Any = infectiousness
    if x.is_floating_point():
        x = truncated(x, BITS)  # as messages of a plain run are rounded
    elif x.dtype != torch.bool:
        x = x.long()
    return {name: layer.total(x).float() for name, layer in layers.items()}


@functools.wraps(total_by_group)
def _tally(name: str, values: Tensor, by: Tensor | None, groups: int, *, stock: bool = False) -> Tensor:
    dtype = torch.float64 if values.is_floating_point() else torch.int64
    if by is None:
        return values.sum(-1, keepdim=True, dtype=dtype)
    if not is_secret(by):
        check_groups(name, values, by, groups)
    return total_by_group(values, by, groups, dtype)

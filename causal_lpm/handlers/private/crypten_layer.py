"""CrypTen 0.4.1 behind the protocol: its additive shares and Beaver products, over our channel, masks and dealer.

Ours are, for these reasons: the sharing of zero (CrypTen's is of neighbours in a ring, from a generator whose seed
`torch.manual_seed` and a fork repeat, and its openings add none); the dealer (CrypTen's default makes party 0 deal, who
then reads all inputs); comparisons (CrypTen's take 8 rounds with two parties and 15 with three, ours one to three);
truncation (CrypTen's is wrong with a probability of about |x| / 2**63 with two parties, and ignores a wrap of that size
with more; ours is not).
"""

import contextlib
import importlib
import importlib.util
import sys
import threading
import types
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.private.additive import Additive
from causal_lpm.handlers.private.channel import Channel
from causal_lpm.handlers.private.masks import Masks

__all__ = ["CrypTen", "crypten_is_here"]

INSTALL = "CrypTen is not installed, and only this layer needs it: make venv-private, or use Additive."
VERSION = "0.4.1"
SETTINGS: dict[str, dict[str, Any]] = {
    "communicator": {"verbose": False},
    "debug": {"debug_mode": False, "validation_mode": False},
    "encoder": {"precision_bits": 16},
    "mpc": {"active_security": False, "provider": "TFP", "protocol": "beaver"},
}
"""What of CrypTen's default settings its additive shares and products read."""

_running = threading.local()
"""The layer whose protocol runs in a thread: CrypTen keeps one communicator a process."""


def crypten_is_here() -> bool:
    """Whether CrypTen can be imported."""
    return importlib.util.find_spec("crypten") is not None


class CrypTen(Additive):
    """The layer of one of several parties whose products are CrypTen's; its numbers are those of `Additive`.

    Args:
        channel: To the other parties and the dealer.
        masks: The keys of the session; agreed on now if none are given.
        provider: Who deals: `"dealer"`, or CrypTen's default `"TFP"`, in which party 0 deals and can read the inputs of
            all parties from its own memory.
        insecure_for_tests: Must be True for `"TFP"`.

    Raises:
        ModuleNotFoundError: CrypTen is not installed.
        ValueError: `"TFP"` without `insecure_for_tests=True`, or another provider.
    """

    def __init__(
        self, channel: Channel, masks: Masks | None = None, provider: str = "dealer", insecure_for_tests: bool = False
    ) -> None:
        if provider not in ("dealer", "TFP") or (provider == "TFP" and not insecure_for_tests):
            raise ValueError(
                f"the provider is {provider!r}: give 'dealer'; with CrypTen's 'TFP' party 0 deals and reads the inputs "
                "of all parties, so that it takes insecure_for_tests=True."
            )
        self._crypten = _loaded()
        self.provider = provider
        super().__init__(channel, masks)

    def _times(self, x: Tensor, y: Tensor) -> Tensor:
        primitives = self._crypten.mpc.primitives
        with self._in_force():
            product: Tensor = primitives.beaver.mul(self.shared(x), self.shared(y)).share
        return product

    def shared(self, share: Tensor) -> Any:
        """A part as CrypTen's own type."""
        return self._crypten.mpc.primitives.ArithmeticSharedTensor.from_shares(share, precision=0)

    @contextlib.contextmanager
    def _in_force(self) -> Iterator[None]:
        before = getattr(_running, "layer", None)
        _running.layer = self
        try:
            yield
        finally:
            _running.layer = before

    # What CrypTen asks of its communicator and of its provider.
    def get_rank(self) -> int:
        """This party's number."""
        return self.rank

    def get_world_size(self) -> int:
        """How many parties there are."""
        return self.parties

    def all_reduce(self, x: Any, *_: Any, batched: bool = False, **__: Any) -> Any:
        """The sum of all parts, opened in the one place where parts leave a party."""
        return self.open(*x) if batched else self.open(x)[0]

    def generate_additive_triple(self, size0: Any, size1: Any, op: str, **_: Any) -> tuple[Any, Any, Any]:
        """Dealt factors and their product."""
        if op != "mul" or size0 != size1:
            raise ValueError(
                f"the dealer deals products number by number, and {op} of {size0} and {size1} was asked for."
            )
        if self.provider == "TFP":
            triple: tuple[Any, Any, Any] = self._crypten.mpc.provider.TrustedFirstParty().generate_additive_triple(
                size0, size1, op, device=torch.device("cpu")
            )
            return triple
        parts = self.dealt("product", size0)
        a, b = (self.shared(mask) for mask in parts.masks)
        return a, b, self.shared(parts.values[0])


def _loaded() -> Any:
    """CrypTen, with our communicator, provider and sharing of zero in its places."""
    if not crypten_is_here():
        raise ModuleNotFoundError(INSTALL)
    crypten = _imported()
    if crypten.__version__ != VERSION:
        raise ValueError(f"CrypTen is {crypten.__version__}, and {VERSION} was tested: make venv-private.")
    if getattr(crypten.communicator.get, "__module__", "") != __name__:
        crypten.communicator.get = _layer
        crypten.mpc.get_default_provider = _layer
        crypten.mpc.primitives.ArithmeticSharedTensor.PRZS = staticmethod(_zero)
        local = torch.Generator()
        local.seed()
        crypten.generators["local"][torch.device("cpu")] = local  # of TFP, which is insecure anyway
    return crypten


def _layer() -> Any:
    layer = getattr(_running, "layer", None)
    if layer is None:
        raise ValueError("CrypTen was used outside of a share layer: use CrypTen(channel).")
    return layer


def _zero(*size: Any, device: Any = None) -> Any:
    layer = _layer()
    shape = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    return layer.shared(layer.zero(tuple(shape)))


def _imported() -> Any:
    """Imports CrypTen without what nothing here uses, or what its wheel has in places of others.

    Its conversion of neural networks imports onnx; its settings are read from a top-level package named `configs`.
    """
    if "crypten" in sys.modules:
        return sys.modules["crypten"]
    names = ("onnx", "onnx.numpy_helper", "torch.onnx._internal.registration")
    stand_ins: dict[str, Any] = {name: types.ModuleType(name) for name in names if name not in sys.modules}
    for name, module in stand_ins.items():
        module.numpy_helper, module.registry = stand_ins.get("onnx.numpy_helper"), None
        sys.modules[name] = module
    settings: Any = types.ModuleType("crypten.config")
    settings.cfg = types.SimpleNamespace(**{part: types.SimpleNamespace(**values) for part, values in SETTINGS.items()})
    sys.modules["crypten.config"] = settings
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("crypten")
    finally:
        for name in stand_ins:
            sys.modules.pop(name)

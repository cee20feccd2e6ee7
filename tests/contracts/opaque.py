"""Numbers that nobody may look at, and a handler that answers for them: what a handler of secret shares stands on."""

from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch.utils._pytree import tree_any, tree_map_only

from causal_lpm.ops.looking import Everybody

OPERATIONS = {"event", "choose", "exposure", "tally", "allocate", "exogenous", "look_up"}
ARITHMETIC = """add sub mul div neg eq ne lt le gt ge bitwise_and bitwise_or bitwise_not where clamp minimum floor
    ceil round all sum expand view clone _to_copy stack select slice unsqueeze copy_ index_put_ index_select
    new_empty new_zeros full_like zeros_like""".split()  # noqa: SIM905


class Look(Exception):
    """Somebody wanted to see a value."""


def look(*_: Any, **__: Any) -> Any:
    raise Look("a value was looked at")


class Opaque(torch.Tensor):
    """Shape and type are public; arithmetic gives more of the kind, and all else is refused."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    __bool__ = __int__ = __float__ = __index__ = __array__ = __dlpack__ = item = tolist = numpy = data_ptr = look

    def __new__(cls, x: torch.Tensor) -> Any:
        made: Any = torch.Tensor._make_wrapper_subclass(cls, x.shape, strides=x.stride(), dtype=x.dtype)
        made.hidden = x
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, into_plain = func.overloadpacket.__name__, func._schema.is_mutable and not is_opaque(args[0])
        index = {"index_put_": args[1:2], "index_select": args[2:]}.get(name)
        if func.namespace != "aten" or name not in ARITHMETIC or into_plain or is_opaque(index):
            raise Look(f"{func} is no arithmetic")
        return sealed(func(*opened(args), **opened(kwargs or {})))


def sealed(x: Any) -> Any:
    return tree_map_only(torch.Tensor, lambda each: each if is_opaque(each) else Opaque(each), x)


def opened(x: Any) -> Any:
    return tree_map_only(Opaque, lambda each: each.hidden, x)


def is_opaque(x: Any) -> bool:
    return tree_any(lambda each: isinstance(each, Opaque), x)


class Sealed(Messenger):
    """Entries of the state are opaque; somebody who may look computes the operations, and opens some tallies."""

    def __init__(self, opens: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.opens = opens

    def _process_message(self, msg: Any) -> None:
        fn = msg["fn"]
        if msg["type"] == "rollout":
            msg["args"] = (msg["args"][0], sealed(msg["args"][1]), *msg["args"][2:])
        elif is_opaque(msg["args"]) and msg["type"] in OPERATIONS:
            close = opened if msg["type"] == "tally" and msg["args"][0] in self.opens else sealed
            msg["fn"] = lambda *args, **options: close(fn(*opened(args), **options))
        elif is_opaque(msg["args"]) and msg["type"] in ("check", "found"):
            msg["fn"] = Everybody if msg["type"] == "found" else lambda *_, **__: None

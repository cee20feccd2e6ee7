"""Asks for memory before its turn, inside the compiled loops: where random places are read, waiting is all they do."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["prefetch"]

_READ, _MOST_LOCAL, _DATA = 0, 3, 1


def _prefetch(typing: Any, array: Any, index: Any) -> Any:
    """The signature of `prefetch`, and what writes it into a loop that is compiled."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(ask, [place, number(_READ), number(_MOST_LOCAL), number(_DATA)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


prefetch: Any = intrinsic(_prefetch)
"""`prefetch(array, index)` begins to fetch an element of a plain array and goes on; one outside of it does no harm.

Unlike a read whose value nobody uses it is done with at once, so that the processor works on meanwhile.

Source: LLVM Language Reference, `llvm.prefetch`.
"""

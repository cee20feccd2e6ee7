"""Standard normal noise inside the compiled loops: the operations of `normal`, in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels._compile import inner
from causal_lpm.kernels.normal import CENTRE, FAR, LN2, LOG, MIDDLE, SQRT2

__all__ = ["standard_normal"]

_UP_C, _DOWN_C = CENTRE
_UP_M, _DOWN_M = MIDDLE
_UP_F, _DOWN_F = FAR


@inner
def _polynomial(c: Any, x: Any) -> Any:
    return ((((((x * c[0] + c[1]) * x + c[2]) * x + c[3]) * x + c[4]) * x + c[5]) * x + c[6]) * x + c[7]


@inner
def _log(x: Any) -> Any:
    parts = np.float64(x).view(np.int64)
    mantissa = np.int64((parts & np.int64((1 << 52) - 1)) | np.int64(1023 << 52)).view(np.float64)
    exponent = (parts >> 52) - 1023
    if mantissa > SQRT2:
        mantissa, exponent = mantissa * 0.5, exponent + 1
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    series = z * LOG[0] + LOG[1]
    for k in range(2, len(LOG)):
        series = series * z + LOG[k]
    return np.float64(exponent) * LN2 + s * 2.0 * series


@inner
def _square_root(x: Any) -> Any:
    root = np.int64((np.float64(x).view(np.int64) >> 1) + np.int64(1023 << 51)).view(np.float64)
    for _ in range(4):
        root = (root + x / root) * 0.5
    return root


@inner
def standard_normal(word: Any) -> Any:
    """See `normal.standard_normal`; of a word of uint64."""
    outside = (np.float64(np.int64((word >> np.uint64(11)) & np.uint64((1 << 52) - 1))) + 0.5) * 2.0**-53
    inside = 0.5 - outside
    if inside <= 0.425:
        r = 0.180625 - inside * inside
        distance = _polynomial(_UP_C, r) / _polynomial(_DOWN_C, r) * inside
    else:
        root = _square_root(-_log(outside))
        if root <= 5.0:
            r = root - 1.6
            distance = _polynomial(_UP_M, r) / _polynomial(_DOWN_M, r)
        else:
            r = root - 5.0
            distance = _polynomial(_UP_F, r) / _polynomial(_DOWN_F, r)
    return distance if word >> np.uint64(63) else -distance

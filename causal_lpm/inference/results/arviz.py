"""Results for ArviZ: the one file that knows ArviZ's version.

ArviZ up to 0.23 works with `InferenceData`, from 1.0 on with `xarray.DataTree`, which is what a result is.
"""

from importlib import import_module
from typing import Any

import xarray as xr

from causal_lpm.extras import installing

__all__ = ["to_arviz"]


def to_arviz(tree: xr.DataTree) -> Any:
    """The result as ArviZ takes it: `arviz.InferenceData` before ArviZ 1.0, the tree itself from then on.

    All groups come along, also those that ArviZ does not know, such as `causal_effect`.

    Raises:
        ModuleNotFoundError: arviz is not installed.

    Example:
        `arviz.summary(to_arviz(result.tree))`
    """
    try:
        arviz: Any = import_module("arviz")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"to_arviz needs arviz: install the extra 'inference', {installing('inference')}."
        ) from error
    if int(arviz.__version__.split(".")[0]) >= 1:
        return tree
    return arviz.InferenceData.from_datatree(tree)

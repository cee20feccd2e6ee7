"""One file of numbers that a party keeps: its own parts and what is public, with the step and session they are of."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from causal_lpm.agents.columns import as_array
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.share_layer import ShareLayer

__all__ = ["read_numbers", "write_numbers"]


def write_numbers(path: Path, values: Mapping[str, Tensor], of: object, more: object = None) -> None:
    """Writes numbers by name.

    Args:
        path: A new file.
        values: What is kept.
        of: What it is of, as JSON has it; without it the file cannot be read.
        more: Anything else that JSON has.
    """
    arrays: dict[str, np.ndarray] = {}
    about: dict[str, list[object]] = {}
    for number, (name, x) in enumerate(values.items()):
        dtype = str(x.dtype).removeprefix("torch.")
        if isinstance(x, Secret):
            about[name] = [number, dtype, x.bits, str(x.low), str(x.high)]
            arrays[str(number)] = x.share.numpy()
        else:
            about[name] = [number, dtype]
            arrays[str(number)] = as_array(x)
    text = json.dumps({"of": of, "more": more, "values": about})
    arrays["about"] = np.frombuffer(text.encode(), np.uint8)
    np.savez(path, allow_pickle=False, **arrays)


def read_numbers(path: Path, layer: ShareLayer, of: object) -> tuple[dict[str, Tensor], Any]:
    """What `write_numbers` has written.

    Raises:
        ValueError: the file is damaged, or of something else.
    """
    try:
        with path.open("rb") as whole, np.load(whole, allow_pickle=False) as file:
            about = json.loads(file["about"].tobytes())
            found = {name: _number(file, entry, layer) for name, entry in about["values"].items()}
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read as what this party has kept: put back the right file, or remove the checkpoints of "
            "all parties and begin anew."
        ) from error
    if about["of"] != of:
        raise ValueError(
            f"{path} is of {about['of']} and not of {of} (step, session): put back the right file, or remove the "
            "checkpoints of all parties and begin anew."
        )
    return found, about["more"]


def _number(file: Any, entry: list[Any], layer: ShareLayer) -> Tensor:
    number, dtype, *secret = entry
    array = torch.from_numpy(file[str(number)])
    kind = getattr(torch, dtype)
    if not secret:
        return array.to(kind)
    bits, low, high = (int(x) for x in secret)
    return Secret(array, layer, kind, bits, low, high)

"""What a block of work finds, as arrays by name, and the blocks put together again."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["BlockArrays"]


class BlockArrays:
    """A dataclass of tensors, of which each has the items of the block in front."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As they are kept."""
        return {field.name: getattr(self, field.name).contiguous().numpy() for field in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def of(cls, parts: Sequence[Mapping[str, npt.NDArray[Any]]]) -> Self:
        """The items of several blocks, one after the other."""
        names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        return cls(**{name: torch.from_numpy(np.concatenate([part[name] for part in parts])) for name in names})

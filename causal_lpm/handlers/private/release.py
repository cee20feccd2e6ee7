"""What may leave the shares: every opening of a total asks a rule first, and there is no other."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

__all__ = ["Releasing"]


@runtime_checkable
class Releasing(Protocol):
    """Decides what of a run is opened, and what is added to it before.

    Attributes:
        exact: Whether the user has asked by name for totals without noise.
        noisy: Whether noise is added to all that is opened.
    """

    @property
    def exact(self) -> bool: ...

    @property
    def noisy(self) -> bool: ...

    def check(self, totals: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The totals that may be opened, with their noise; called once a run, by all parties, before the opening.

        Args:
            totals: Name of the series -> `[*dims, 1 or groups, days]`. A name that is left out stays secret.

        Raises:
            ValueError: something that is to be opened may not be, for a value out of its range, say; then nothing is.
        """
        ...

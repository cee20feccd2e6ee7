"""Series of tallies, kept small: the sums of every step and nothing of the agents."""

from typing import Any

import torch
from pyro.poutine.messenger import Messenger

__all__ = ["Recording"]


class Recording(Messenger):
    """Keeps every tally of every step by name.

    `series()` gives name -> `[*dims, 1 or groups, steps]`, int64 (float64 for float tallies).

    Raises:
        ValueError: a tally is made twice in one step, or not in every step.

    >>> import torch
    >>> from causal_lpm import rollout, tally
    >>> def day(s):
    ...     tally("alive", s["x"] > 0)
    ...     return {"x": s["x"] - 1}
    >>> with Recording() as record:
    ...     _ = rollout(day, {"x": torch.tensor([1.0, 2.0])}, 3)
    >>> record.series()["alive"]
    tensor([[2, 1, 0]])
    """

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, dict[int, torch.Tensor]] = {}
        self._steps: set[int] = set()
        self._number: int | None = None

    def __enter__(self) -> "Recording":
        self._rows, self._steps, self._number = {}, set(), None
        super().__enter__()
        return self

    def _pyro_step(self, msg: Any) -> None:
        self._number = msg["args"][2]
        self._steps.add(msg["args"][2])

    def _pyro_post_step(self, msg: Any) -> None:
        self._number = None

    def _pyro_post_tally(self, msg: Any) -> None:
        if self._number is None:
            return
        row = self._rows.setdefault(msg["args"][0], {})
        if self._number in row:
            raise ValueError(
                f"the tally {msg['args'][0]!r} is made twice in step {self._number}: give each its own name."
            )
        row[self._number] = msg["value"]

    def series(self) -> dict[str, torch.Tensor]:
        """Every tally as `[*dims, 1 or groups, steps]`, world dimensions broadcast over all steps."""
        for name, row in self._rows.items():
            if missing := sorted(self._steps - set(row)):
                raise ValueError(
                    f"the tally {name!r} is missing in step {missing[0]}: call it in every step, with zeros if need be."
                )
        return {
            name: torch.stack(torch.broadcast_tensors(*[row[k] for k in sorted(row)]), -1)
            for name, row in self._rows.items()
        }

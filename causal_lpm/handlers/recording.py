"""Series of tallies, kept small: the sums of every step and nothing of the agents."""

from typing import Any

import torch
from numpy.typing import NDArray

from causal_lpm.handlers.handler import Handler
from causal_lpm.ops.dimensions import expanded, world_sizes
from causal_lpm.ops.step import running_step, step_length
from causal_lpm.validate import hidden

__all__ = ["Recording"]


class Recording(Handler):
    """Keeps every tally of every step of the last simulation by name.

    `series()` gives name -> `[*dims, 1 or groups, steps]`, int64 (float64 for float tallies), with all worlds of the
    simulation in each, also where they do not differ. A simulation that goes on
    at the step where the last one ended is added to it; any other begins anew.

    Attributes:
        stocks: The tallies that are numbers at a time.

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

    recorder = True

    def __init__(self) -> None:
        super().__init__()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._rows: dict[str, _Series] = {}
        self._steps: set[int] = set()
        self.stocks: set[str] = set()
        self._worlds: dict[int, int] = {}  # size of each dimension of worlds when the last simulation ended
        self._before: tuple[dict[str, _Series], dict[str, int], set[int], set[str]] | None = None

    def _pyro_rollout(self, msg: Any) -> None:
        lengths = {name: len(series.steps) for name, series in self._rows.items()}
        self._before = dict(self._rows), lengths, set(self._steps), set(self.stocks)
        if round(msg["args"][2] / step_length()) != max(self._steps, default=-1) + 1:
            self._rows, self._steps, self.stocks = {}, set(), set()

    def _pyro_simulation_ends(self, msg: Any) -> None:
        if not msg["args"][0] and self._before is not None:  # as if it had not begun
            self._rows, lengths, self._steps, self.stocks = self._before
            for name, series in self._rows.items():
                series.cut(lengths[name])
        else:
            self._worlds = world_sizes()
        self._before = None

    def _pyro_step(self, msg: Any) -> None:
        self._steps.add(msg["args"][2])

    def _pyro_post_tally(self, msg: Any) -> None:
        step = running_step()
        if step is None:
            return
        series = self._rows.get(msg["args"][0])
        if series is None:
            series = self._rows[msg["args"][0]] = _Series()
        if msg["kwargs"]["stock"]:
            self.stocks.add(msg["args"][0])
        if series.has(step.number):
            raise ValueError(
                f"the tally {msg['args'][0]!r} is made twice in step {step.number}: give each its own name."
            )
        series.add(step.number, msg["value"])

    def series(self) -> dict[str, torch.Tensor]:
        """Every tally as `[*dims, 1 or groups, steps]`, all worlds in each."""
        for name, series in self._rows.items():
            if missing := sorted(self._steps - set(series.steps)):
                raise ValueError(
                    f"the tally {name!r} is missing in step {missing[0]}: call it in every step, with zeros if need be."
                )
        worlds = self._worlds | world_sizes()
        return {name: expanded(series.stacked(), worlds, event_dim=1) for name, series in self._rows.items()}


_BLOCK = 64
"""Values that are kept together."""


class _Series:
    """The values of one tally, one a step.

    They are copied into blocks. As tensors of their own, made among the large ones of a step that come and go, they
    would lie between them and keep their memory from being used again: 200 MB in 100 days of a million agents.
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self._numbers: set[int] = set()  # the same: a list takes longer to look through every day
        self._values: list[torch.Tensor | tuple[torch.Tensor, int]] = []  # a copy of its own, or its row of a block
        self._block: torch.Tensor | None = None
        self._kind: tuple[torch.Size, torch.dtype] | None = None  # of its values
        self._rows: NDArray[Any] | None = None  # the memory of the block, where that is quick to write into
        self._used = 0

    def has(self, step: int) -> bool:
        """Whether a step has a value."""
        return step in self._numbers

    def add(self, step: int, value: torch.Tensor) -> None:
        """Keeps the value of a step."""
        self.steps.append(step)
        self._numbers.add(step)
        plain = type(value) is torch.Tensor and value.is_cpu
        if value.requires_grad or (not plain and hidden(value)):
            self._values.append(value.clone())  # what the model writes into its sum in place stays out of it
            return
        block, kind = self._block, (value.shape, value.dtype)
        if block is None or self._used == _BLOCK or kind != self._kind:  # full, or the worlds have split
            block, self._used = value.new_empty((_BLOCK, *value.shape)), 0
            self._block, self._rows, self._kind = block, block.numpy() if plain else None, kind
        if self._rows is None or not plain:
            block[self._used] = value
        else:
            self._rows[self._used] = value.numpy()
        self._values.append((block, self._used))
        self._used += 1

    def cut(self, length: int) -> None:
        """Forgets what was added after so many steps."""
        self._numbers.difference_update(self.steps[length:])
        del self.steps[length:], self._values[length:]

    def stacked(self) -> torch.Tensor:
        """All values in the order of their steps, which come last."""
        order = sorted(range(len(self.steps)), key=self.steps.__getitem__)
        kept = [self._values[number] for number in order]
        ordered = [value[0][value[1]] if isinstance(value, tuple) else value for value in kept]
        return torch.stack(torch.broadcast_tensors(*ordered), -1)

"""Conditions a run on what is known of single agents, and keeps what that says of each row, day by day."""

from collections.abc import Mapping
from typing import Any, Self

import torch
from chirho.observational.handlers.condition import Observations

from causal_lpm.handlers.handler import Handler
from causal_lpm.inference.individuals.model_events import BEFORE
from causal_lpm.ops.dimensions import of_replicates
from causal_lpm.ops.responses import Response
from causal_lpm.ops.step import running_step, step_length

__all__ = ["Conditioning"]


class Conditioning(Handler, Observations[torch.Tensor]):
    """Conditions events and choices on data of single agents; made by `LineList.conditioning`.

    Data belong to the factual world; other worlds replay the noise that they tell of. Of whom nothing is known, the
    noise decides as without it. A row in which the data are impossible has log p -inf and goes on as if there were
    none.

    Args:
        data: Name of a site -> `[agents]`, NaN where nothing is known.
        refuse: Whether to stop where no row can give the data.

    Raises:
        ValueError: in every row something that is known is impossible, with agent and day.
    """

    def __init__(self, data: Mapping[str, torch.Tensor], refuse: bool = True) -> None:
        super().__init__(data)
        self._refuse = refuse
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._of_site: dict[str, tuple[int, torch.Tensor]] = {}  # number of its step, log p `[*rows, 1]`
        self._lost: torch.Tensor | None = None  # the rows `[*rows, 1]` of this simulation that cannot give the data

    def twin(self) -> Self:
        other = super().twin()
        other._of_site = dict(self._of_site)
        return other

    @property
    def log_p(self) -> dict[int, torch.Tensor]:
        """Number of a step (a day, where steps are days) -> log p of its data, float64 `[*draws, rows]`.

        It is `[1]` where all rows have the same; -1 is what comes before the simulation. The rows of resampled
        replicates are those of their ancestors.
        """
        found: dict[int, torch.Tensor] = {}
        for step, log_p in self._of_site.values():
            found[step] = log_p[..., 0] if step not in found else found[step] + log_p[..., 0]
        return dict(sorted(found.items()))

    def total(self, first: int = BEFORE, last: int | None = None) -> torch.Tensor:
        """Log p of the data of the steps from `first` to `last`, the last left out; float64 `[*draws, rows]`."""
        days = [value for day, value in self.log_p.items() if first <= day and (last is None or day < last)]
        return torch.stack(torch.broadcast_tensors(*days)).sum(0) if days else torch.zeros(1, dtype=torch.float64)

    def _pyro_post_sample(self, msg: Any) -> None:
        site, fn = msg["name"].removesuffix("_factual"), msg["fn"]
        if isinstance(fn, Response) and msg["is_observed"] and site in self.data:
            log_p = _rows(fn.log_prob(msg["value"]).sum(-1, keepdim=True, dtype=torch.float64))
            step = running_step()
            self._of_site[site] = (step.number if step else BEFORE, log_p)

    def _pyro_rollout(self, msg: Any) -> None:
        self._lost = None

    def _pyro_resampled(self, msg: Any) -> None:
        ancestors = msg["args"][0]
        self._of_site = {site: (step, of_replicates(x, ancestors)) for site, (step, x) in self._of_site.items()}
        self._lost = None if self._lost is None else of_replicates(self._lost, ancestors)

    def _pyro_impossible(self, msg: Any) -> None:
        name, data, never, _ = msg["args"]
        step = running_step()
        if (step.site_prefix if step else "") + name not in self.data:
            return
        msg["done"] = True
        lost = _rows(never.any(-1, keepdim=True))
        self._lost = lost if self._lost is None else self._lost | lost
        if self._refuse and bool(self._lost.all()):
            raise ValueError(
                _refusal(name, data, never, "" if step is None else f" on day {step.number * step_length():g}")
            )


def _rows(value: torch.Tensor) -> torch.Tensor:
    """`[*draws, rows, 1]`, without worlds, which stand left of all others and have one element in the factual world."""
    value = value if value.dim() > 1 else value[None]
    while value.dim() > 2 and value.shape[0] == 1:
        value = value[0]
    return value


def _refusal(name: str, data: torch.Tensor, never: torch.Tensor, when: str) -> str:
    rows = never.reshape(-1, never.shape[-1])
    times = rows.sum(0)
    agent = int(times.argmax())
    seen = data.expand(never.shape).reshape(rows.shape)[int(rows[:, agent].nonzero()[0]), agent].item()
    every = len(rows) == int(times[agent])
    part = (
        "" if every else f" in {int(times[agent])} of {len(rows)} rows, as something else on the list is in the others"
    )
    luck = "" if every else "; if the list is right, run more rows or particles, or list more infectors"
    return (
        f"the line list says {seen:g} of {name!r} of agent {agent}{when}, which is impossible{part}: the model has no "
        "such event there, as no infection of the immune or of who has no infectious contact; correct the list, or "
        f"leave out what is not known{luck}."
    )

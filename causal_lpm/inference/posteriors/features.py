"""What a posterior is told of a data set: the numbers themselves, or what SVI makes of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from causal_lpm.inference.diagnostics.report import Gate
from causal_lpm.inference.posteriors.guides import fit_guides
from causal_lpm.inference.posteriors.neural import Frame
from causal_lpm.inference.program.problem import Problem

__all__ = ["Features", "GuideFeatures", "SeriesFeatures", "Summary", "surrogate_gate", "tensors"]

MANY_LOST = 0.05  # share of the guides' draws without a density


@dataclass(frozen=True)
class Summary:
    """What stands for n data sets.

    Attributes:
        values: float32 `[n, f]`.
        lost: Share of a guide's draws that had no density, `[n]`; empty where no guide was fitted.
    """

    values: torch.Tensor
    lost: torch.Tensor = field(default_factory=lambda: torch.zeros(0))


class Features(Protocol):
    """Numbers that summarise a data set."""

    @property
    def frame(self) -> Frame:
        """Coordinates of z that belong to them."""
        ...

    def __call__(self, data: Mapping[str, Any]) -> Summary:
        """Of data sites `[n, *shape]`."""
        ...

    def embedding(self) -> Callable[[], torch.nn.Module] | None:
        """Makes the network that condenses them further, if any."""
        ...


def tensors(data: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Data sites as float64 tensors of their own."""
    return {name: torch.tensor(np.asarray(values), dtype=torch.float64) for name, values in data.items()}


@dataclass(frozen=True)
class SeriesFeatures:
    """The numbers that are present, condensed by a convolution over days.

    They are on a logarithmic scale that keeps signs, as counts want it. A table of numbers with any sign is what a
    model has summarised itself, on the scale that it chose, and is told as it is.

    Attributes:
        problem: Whose data sites are read, without the days that are missing in its data.
    """

    problem: Problem

    @property
    def frame(self) -> Frame:
        """That of z itself."""
        return Frame(self.problem.size)

    def __call__(self, data: Mapping[str, Any]) -> Summary:
        parts = []
        for name, values in tensors(data).items():
            known = values.reshape(len(values), -1)[:, self.problem.data[name].present.flatten()]
            parts.append(known if name in self.problem.real_tables else known.sign() * known.abs().log1p())
        return Summary(torch.cat(parts, -1).float())

    def embedding(self) -> Callable[[], torch.nn.Module] | None:
        """A convolution over days where there are at least 16 of them and none is missing."""
        shapes = [tuple(series.values.shape) for series in self.problem.data.values()]
        whole = all(bool(series.present.all()) for series in self.problem.data.values())
        days = {shape[-1] for shape in shapes}
        if not whole or self.problem.tables or len(days) != 1 or min(days) < 16:
            return None
        channels = sum(int(np.prod(shape[:-1], dtype=int)) for shape in shapes)
        return lambda: SeriesNetwork(channels, min(days))


class SeriesNetwork(torch.nn.Module):
    """Two convolutions over days and a dense layer, `[n, channels * days]` -> `[n, 16]`."""

    def __init__(self, channels: int, days: int, out: int = 16) -> None:
        super().__init__()
        self.channels, self.days = channels, days
        self.layers = torch.nn.Sequential(
            torch.nn.Conv1d(channels, 16, 5, padding=2),
            torch.nn.ReLU(),
            torch.nn.MaxPool1d(2),
            torch.nn.Conv1d(16, 32, 5, padding=2),
            torch.nn.ReLU(),
            torch.nn.MaxPool1d(2),
            torch.nn.Flatten(),
            torch.nn.Linear(32 * (days // 2 // 2), 64),
            torch.nn.ReLU(),
            torch.nn.Linear(64, out),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Condenses each row."""
        condensed: torch.Tensor = self.layers(x.reshape(len(x), self.channels, self.days))
        return condensed


@dataclass(frozen=True)
class GuideFeatures:
    """Mean and log standard deviation of an SVI guide for each data set.

    Attributes:
        problem: With a differentiable surrogate, or a differentiable model.
        seed: Of the optimisation.
        settings: Given to `fit_guides`.
        progress: Called with (data sets done, all).
    """

    problem: Problem
    seed: int = 0
    settings: Mapping[str, Any] | None = None
    progress: Callable[[int, int], None] | None = None

    @property
    def frame(self) -> Frame:
        """Where the guide puts z."""
        return Frame(self.problem.size, guided=True)

    def __call__(self, data: Mapping[str, Any]) -> Summary:
        guides = fit_guides(
            self.problem, tensors(data), seed=self.seed, progress=self.progress, **(self.settings or {})
        )
        return Summary(guides.features.float(), guides.lost)

    def embedding(self) -> None:
        """None: there are few of them."""
        return


def surrogate_gate(training: torch.Tensor, own: torch.Tensor) -> tuple[Gate, ...]:
    """A gate of the share of the guides' draws that said nothing, in training or for the data if larger; none if none.

    Args:
        training: Share of each simulation, `[n]`.
        own: Of each data set that is asked about, `[n]`.
    """
    share = max((float(lost.mean()) for lost in (training, own) if len(lost)), default=0.0)
    if not share:
        return ()
    many = share > MANY_LOST
    sentence = f"{100 * share:.2g}% of the guides' draws have no density under the surrogate; they were left out."
    step = "Look for overflow and logarithms of zero in the surrogate, far out in the prior." if many else ""
    return (Gate("surrogate", "warn" if many else "pass", share, MANY_LOST, sentence, step),)

"""Networks that turn what was seen into parameters of the epidemic, week by week and for the weeks to come.

The architecture is that of GradABM in outline (an encoder of the signals, a decoder that is told the time, bounded
outputs; Chopra et al., AAMAS 2023, arXiv:2207.09714) and smaller: weeks instead of days, 16 hidden units.
"""

from typing import NamedTuple

import torch

__all__ = ["BOUNDS", "County", "EveryCounty", "Parameters", "SharedNetwork"]

# Outputs lie evenly between bounds of their logarithm: R relative to its prior mean, and the two others as they are.
BOUNDS = {"relative": (0.25, 4.0), "initial": (1e-6, 2e-3), "fatality": (0.2, 5.0)}
HIDDEN = 16


class Parameters(NamedTuple):
    """What the networks say about the counties.

    Attributes:
        relative: R_t relative to its prior mean, `[counties, weeks]`.
        initial: Share exposed at the beginning, `[counties, 1]`.
        fatality: Relative infection fatality, `[counties, 1]`.
    """

    relative: torch.Tensor
    initial: torch.Tensor
    fatality: torch.Tensor


class County(torch.nn.Module):
    """One network: signals of counties -> their parameters.

    Args:
        signals: Number of signals a week.
        about: Number of fixed numbers about a county, such as which it is.
    """

    def __init__(self, signals: int, about: int = 0) -> None:
        super().__init__()
        self.encoder = torch.nn.GRU(signals, HIDDEN, batch_first=True)
        self.context = torch.nn.Linear(HIDDEN + about, HIDDEN)
        self.decoder = torch.nn.GRU(HIDDEN + 1, HIDDEN, batch_first=True)
        self.by_week = torch.nn.Linear(HIDDEN, 1)
        self.fixed = torch.nn.Linear(HIDDEN, 2)

    def forward(self, signals: torch.Tensor, about: torch.Tensor, weeks: int) -> Parameters:
        """Parameters for `weeks` weeks from signals `[counties, weeks seen, signals]`, about `[counties, about]`."""
        _, seen = self.encoder(signals)
        context = torch.tanh(self.context(torch.cat([seen[-1], about], -1)))
        time = torch.arange(weeks) / signals.shape[1]  # of the weeks seen; beyond 1 in those to come
        asked = torch.cat([time.expand(len(context), weeks)[..., None], context[:, None].expand(-1, weeks, -1)], -1)
        decoded, _ = self.decoder(asked)
        initial, fatality = self.fixed(context).split(1, -1)
        return Parameters(
            _bounded("relative", self.by_week(decoded)[..., 0]),
            _bounded("initial", initial),
            _bounded("fatality", fatality),
        )


class SharedNetwork(torch.nn.Module):
    """dc-GradABM: one network shared over the counties, told which county it is."""

    def __init__(self, counties: int, signals: int) -> None:
        super().__init__()
        self.counties, self.network = counties, County(signals, about=counties)

    def forward(self, signals: torch.Tensor, weeks: int) -> Parameters:
        """Parameters of all counties."""
        parameters: Parameters = self.network(signals, torch.eye(self.counties), weeks)
        return parameters


class EveryCounty(torch.nn.Module):
    """c-GradABM: a network for each county, which learns from that county alone."""

    def __init__(self, counties: int, signals: int) -> None:
        super().__init__()
        self.networks = torch.nn.ModuleList(County(signals) for _ in range(counties))

    def forward(self, signals: torch.Tensor, weeks: int) -> Parameters:
        """Parameters of all counties."""
        each = [
            network(own[None], torch.zeros(1, 0), weeks) for network, own in zip(self.networks, signals, strict=True)
        ]
        return Parameters(*(torch.cat(part) for part in zip(*each, strict=True)))


def _bounded(name: str, raw: torch.Tensor) -> torch.Tensor:
    low, high = (torch.tensor(bound).log() for bound in BOUNDS[name])
    return torch.exp(low + (high - low) * torch.sigmoid(raw))

"""Draws of a posterior, and the verdict on the result that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

import torch

__all__ = ["Calibrated", "Draws", "draws_and_verdict"]


class Calibrated(Protocol):
    """What `fit` returns, as far as it is needed here."""

    @property
    def status(self) -> str:
        """Such as "calibrated"."""

    @property
    def banner(self) -> str:
        """What everything made of it must say; empty where all gates were passed."""

    def parameters(self, draws: int | None = None) -> Mapping[str, torch.Tensor]:
        """Site -> `[draws, *shape of the site]`."""


Draws: TypeAlias = Mapping[str, torch.Tensor] | Calibrated
"""A result of `fit`, or site -> `[draws, *shape of the site]`."""


def draws_and_verdict(source: Draws) -> tuple[Mapping[str, torch.Tensor], str]:
    """Site -> draws, and the verdict in words."""
    if isinstance(source, Mapping):
        return source, "draws that were given without the verdict of a fit"
    draws = {name: value.double() for name, value in source.parameters().items()}
    return draws, source.banner.rstrip(".") or f"from a fit that is {source.status}"

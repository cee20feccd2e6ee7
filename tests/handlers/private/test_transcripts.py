"""What a party receives is uniform, whatever the secret is; a planted leak is found by the same test."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from causal_lpm import KeyedNoise, Secret
from causal_lpm.agents import Population
from causal_lpm.handlers.private.additive import Additive
from causal_lpm.handlers.private.dealing import low, narrow
from causal_lpm.handlers.private.in_process import InProcess, together
from tests.handlers.private.runs import Exact, Party, contacts_of, epidemic, ill, secret

AGENTS = 2000
OFTEN = 1e-9
"""How often each of these tests fails by chance, at most."""


class Listening(Additive):
    """Keeps what it receives from each other party, and what is opened, with the bits that it has."""

    def __init__(self, channel: InProcess) -> None:
        super().__init__(channel)
        self.heard: list[tuple[torch.Tensor, int]] = []

    def open_bits(self, *shares: tuple[torch.Tensor, int]) -> list[torch.Tensor]:
        self.channel.heard = []  # type: ignore[attr-defined]
        opened = super().open_bits(*shares)
        sizes = [x.numel() * narrow(bits).itemsize for x, bits in shares]
        for message in self.channel.heard:  # type: ignore[attr-defined]
            for part, (_, bits) in zip(message.split(sizes), shares, strict=True):
                self.heard.append((part.clone().view(narrow(bits)).long(), bits))
        self.heard += [(x.reshape(-1), bits) for x, (_, bits) in zip(opened, shares, strict=True)]
        return opened


class WithDealer(Listening):
    """Hears the dealer's answers, too."""

    def dealt(self, kind: str, *args: Any, **options: Any) -> Any:
        parts = super().dealt(kind, *args, **options)
        for values in parts.values:
            self.heard.append((values.contiguous().view(-1).view(torch.uint8).long(), 8))
        return parts


class Unmasked(Listening):
    """A planted leak: the masks of truth tables come without their lowest bit."""

    def dealt(self, kind: str, *args: Any, **options: Any) -> Any:
        parts = super().dealt(kind, *args, **options)
        if kind == "digits":
            parts.masks[0] = parts.masks[0] & ~1
        return parts


class NotFresh(Listening):
    """Another: openings without a fresh sharing of zero."""

    def zero(self, shape: Any, dtype: torch.dtype = torch.int64) -> torch.Tensor:
        return torch.zeros(tuple(shape), dtype=dtype)


def z_of(values: torch.Tensor, bins: int) -> float:
    """Chi-square against the uniform distribution, in standard deviations."""
    counts = torch.bincount(values, minlength=bins).double()
    expected = counts.sum() / bins
    return float((((counts - expected) ** 2 / expected).sum() - (bins - 1)) / (2 * (bins - 1)) ** 0.5)


def worst(heard: list[tuple[torch.Tensor, int]]) -> float:
    """The largest |z| over widths: the low bits of short numbers, and the bytes of long ones.

    Chi-square with at least 3 degrees of freedom lies 16 standard deviations above its mean less than once in 10**10;
    there are at most a dozen widths.
    """
    found = []
    for bits in {bits for _, bits in heard}:
        numbers = torch.cat([x for x, width in heard if width == bits])
        for shift in range(0, bits, 8):
            few = min(8, bits - shift)
            found.append(abs(z_of(low(numbers >> shift, few), 1 << few)) if len(numbers) >= 20 << few else 0.0)
    return max(found)


def transcript(layer: Callable[[InProcess], Listening], every: int, parties: int = 3, noise: Any = "public") -> float:
    """How far from uniform is what party 0 receives in two days of the epidemic, the release left out."""

    class Deaf(Exact):
        def check(self, totals: Any) -> Any:
            return {}

    def run(channel: InProcess) -> float:
        party = Party(layer(channel), AGENTS)
        people = Population({"stage": party.share(ill(AGENTS, every), 0, 2)})
        with KeyedNoise(1), party.private(noise, small={"stage": 3}, release=Deaf()):
            done = epidemic(people, contacts_of(AGENTS), 2)
        assert isinstance(done.state["stage"], Secret)
        return worst(party.layer.heard)  # type: ignore[attr-defined]

    return together(parties, run)[0]


@pytest.mark.parametrize("every", [2, 50])
@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("noise", ["public", "owner"])
def test_what_a_party_receives_is_uniform(every: int, parties: int, noise: str) -> None:
    assert transcript(Listening, every, parties, noise) < 16


@pytest.mark.parametrize("noise", ["public", "owner", "dealt"])
def test_what_the_dealer_answers_is_uniform(noise: str) -> None:
    assert transcript(WithDealer, 50, 3, noise) < 16


def test_a_planted_leak_is_found() -> None:
    assert transcript(Unmasked, 50) > 16


@pytest.mark.parametrize("value", [0.0, 0.25, 3.0])
def test_products_truncation_and_comparisons_are_uniform(value: float) -> None:
    x = torch.full((5000,), value)

    def run(channel: InProcess) -> float:
        layer = Listening(channel)
        mine = secret(layer, x, low=-(8 << 20), high=8 << 20)
        _ = (mine * mine, torch.exp(-mine), mine < mine.flip(0), mine == 0.25, (mine + 4).floor())
        return worst(layer.heard)

    assert together(3, run)[0] < 16


def test_two_openings_of_one_total_send_different_bytes() -> None:
    def run(layer: Any) -> Any:
        def opened_twice(channel: InProcess) -> list[torch.Tensor]:
            mine = layer(channel)
            total = secret(mine, torch.tensor([5])).share
            for _ in range(2):
                mine.open(total)
            return [x for x, _ in mine.heard]

        return together(3, opened_twice)[0]

    fresh, stale = run(Listening), run(NotFresh)
    assert int(fresh[2]) == int(fresh[5]) == 5
    assert not torch.equal(fresh[0], fresh[3])
    assert torch.equal(stale[0], stale[3]), "without a fresh sharing of zero they are the same"

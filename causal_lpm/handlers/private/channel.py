"""How a party reaches the others and the dealer: all that a protocol on shares needs of a network."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Channel", "Cost", "Request"]


@dataclass
class Cost:
    """What a party has spent.

    Attributes:
        rounds: Exchanges with the other parties; a message waits for that of the round before.
        sent: Bytes that this party has sent to other parties.
        requests: Questions to the dealer, which wait for no other party and can be answered ahead of time.
        dealt: Bytes that the dealer has sent to this party.
    """

    rounds: int = 0
    sent: int = 0
    requests: int = 0
    dealt: int = 0


@dataclass(frozen=True)
class Request:
    """What the dealer is asked for: its kind and shape, and never anything that comes from a secret.

    Attributes:
        kind: One of `dealing.KINDS`.
        shape: Of the numbers for which it is dealt.
        number: How many requests came before in this session: no mask is dealt twice.
        given: Public whole numbers, such as widths in bits.
        public: A public tensor, such as the hazard of an event whose luck the dealer draws.
    """

    kind: str
    shape: tuple[int, ...]
    number: int
    given: tuple[int, ...] = ()
    public: Tensor | None = None


class Channel(ABC):
    """Point to point messages between parties 0 to `parties` - 1, and questions to the dealer.

    All parties call the same methods in the same order. A channel delivers each tensor as it was sent, shape and type
    included, or raises: it never gives back part of a round.

    Args:
        rank: This party's number.
        parties: How many there are, at least 2.
    """

    def __init__(self, rank: int, parties: int) -> None:
        self.rank, self.parties, self.cost = rank, parties, Cost()
        self.meets: Callable[[bytes], None] | None = None  # takes a hash of what is public, where messages compare it

    def exchange(self, sent: Mapping[int, Tensor]) -> dict[int, Tensor]:
        """One round: sends a tensor to each party that is named, and gives what each of the others has sent here.

        Args:
            sent: Number of the party -> contiguous tensor on the CPU, of any type but those that torch only stores.

        Returns:
            Number of the party -> its tensor, of those that have sent one here.
        """
        self.cost.rounds += 1
        self.cost.sent += sum(x.numel() * x.element_size() for x in sent.values())
        return self._exchange(sent)

    def to_all(self, x: Tensor) -> list[Tensor]:
        """One round in which all parties send the same shape to all others: what each has sent, in order of parties."""
        others = [rank for rank in range(self.parties) if rank != self.rank]
        got = {**self.exchange(dict.fromkeys(others, x)), self.rank: x}
        return [got[rank] for rank in range(self.parties)]

    def deal(self, request: Request) -> Tensor:
        """The dealer's answer: asked by party 0 alone, to whom all corrections go."""
        answer = self._deal(request)
        self.cost.requests += 1
        self.cost.dealt += answer.numel() * answer.element_size()
        return answer

    @abstractmethod
    def greet_dealer(self, key: bytes) -> None:
        """Hands the dealer the key of 32 bytes under which it and this party make the same masks."""

    @abstractmethod
    def _exchange(self, sent: Mapping[int, Tensor]) -> dict[int, Tensor]: ...

    @abstractmethod
    def _deal(self, request: Request) -> Tensor: ...


def as_bytes(x: Tensor) -> bytes:
    """The bytes of a tensor."""
    return x.contiguous().view(torch.uint8).numpy().tobytes()

"""What ends a run of several parties before it is over, each in one sentence."""

__all__ = ["Disagreement", "PartyLost", "name_of"]


class PartyLost(RuntimeError):
    """A party, or the dealer, has ended, or has not been heard of for too long; nothing is released.

    Attributes:
        rank: Which; the dealer's rank is the number of parties.
    """

    def __init__(self, rank: int, sentence: str) -> None:
        super().__init__(sentence)
        self.rank = rank


class Disagreement(RuntimeError):
    """What should be equal at all parties differs, or a message did not arrive as it was sent; nothing is released."""


def name_of(rank: int, parties: int) -> str:
    """How a message calls a process.

    >>> name_of(1, parties=3), name_of(3, parties=3)
    ('party 1', 'the dealer')
    """
    return "the dealer" if rank == parties else f"party {rank}"

"""The channel of a party over TCP: rounds with the other parties, questions to the dealer.

Each message between parties carries a hash of all that its sender holds for public. Parties that run the same model
with the same settings have the same hash at the same message, and a difference ends the run before anything is opened.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import torch
from torch import Tensor

from causal_lpm.handlers.private.channel import Channel, Request
from causal_lpm.parties.faults import Disagreement, PartyLost, name_of
from causal_lpm.parties.fingerprint import package_fingerprint
from causal_lpm.parties.messages import Messages
from causal_lpm.parties.place import Place
from causal_lpm.parties.wire import Frame, Kind, text_frame

__all__ = ["TcpChannel", "tell_others"]

ANNOUNCING = 10.0  # seconds in which others must have started to be told


class TcpChannel(Channel):
    """A party's connections with all other parties and the dealer.

    A context manager: leaving it ends the connections, and tells all others why if there was an error.

    Args:
        place: Its rank and the addresses of all.

    Raises:
        PartyLost: a party or the dealer does not connect, ends, or is silent for too long.
        Disagreement: what is public differs, or a message did not arrive as it was sent.
        ValueError: the rank is the dealer's.
    """

    def __init__(self, place: Place) -> None:
        if place.is_dealer:
            raise ValueError(f"rank {place.rank} is the dealer's: give a party one from 0 to {place.parties - 1}.")
        super().__init__(place.rank, place.parties)
        self._others = [rank for rank in range(place.parties) if rank != place.rank]
        self._transcript = hashlib.blake2b(digest_size=8)
        self._where = "at the start"
        self.meets = self._add
        self._messages = Messages(place)

    def __enter__(self) -> "TcpChannel":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._messages.finish()
        else:
            self._messages.fail(error)

    def public(self, where: str, *values: bytes) -> None:
        """Notes what every party should hold for public, and where it was met, for the message about a difference."""
        self._where = where
        for value in (where.encode(), *values):
            self._add(value)

    def _add(self, value: bytes) -> None:
        self._transcript.update(len(value).to_bytes(8, "big"))
        self._transcript.update(value)

    def agree(self, text: str) -> dict[int, str]:
        """Exchanges a public text with all other parties: rank -> what each has sent."""
        frame = text_frame(Kind.TEXT, text)
        got = self._messages.exchange(dict.fromkeys(self._others, frame), self._others)
        return {rank: self._expected(rank, frame, Kind.TEXT).text for rank, frame in got.items()}

    def greet_dealer(self, key: bytes) -> None:
        """Hands the dealer the key of 32 bytes under which it and this party make the same masks."""
        frame = Frame(Kind.DATA, 0, 0, torch.tensor(list(key), dtype=torch.uint8))
        self._messages.exchange({self.parties: text_frame(Kind.TEXT, package_fingerprint())}, ())
        self._messages.exchange({self.parties: frame}, ())

    def _exchange(self, sent: Mapping[int, Tensor]) -> dict[int, Tensor]:
        now = int.from_bytes(self._transcript.digest(), "big")
        leaving = {rank: _frame(sent.get(rank), now) for rank in self._others}
        got = self._messages.exchange(leaving, self._others)
        for rank, frame in got.items():
            self._expected(rank, frame, Kind.DATA, Kind.NOTHING)
            if frame.public != now:
                raise Disagreement(
                    f"{name_of(rank, self.parties)} and party {self.rank} hold different things for public "
                    f"({self._where}): give all parties the same model, settings and seeds. Nothing is released."
                )
        return {rank: frame.value for rank, frame in got.items() if frame.kind == Kind.DATA}

    def _deal(self, request: Request) -> Tensor:
        asked = {"kind": request.kind, "shape": request.shape, "number": request.number, "given": request.given}
        self._messages.exchange({self.parties: text_frame(Kind.REQUEST, json.dumps(asked))}, ())
        (answer,) = self._messages.exchange({self.parties: _frame(request.public)}, [self.parties]).values()
        return self._expected(self.parties, answer, Kind.DATA).value

    def _expected(self, rank: int, frame: Frame, *kinds: Kind) -> Frame:
        if frame.kind not in kinds:
            raise Disagreement(
                f"{name_of(rank, self.parties)} has sent {frame.kind.name} where {kinds[0].name} was due "
                f"({self._where}): the parties do not run the same program. Nothing is released."
            )
        return frame


def tell_others(place: Place, error: Exception) -> None:
    """Connects for a moment, so that the others learn that this party ends, and need not wait for it."""
    short = replace(place.patience, start=min(place.patience.start, ANNOUNCING))
    with suppress(PartyLost, Disagreement):
        TcpChannel(replace(place, patience=short)).__exit__(type(error), error, None)


def _frame(x: Tensor | None, public: int = 0) -> Frame:
    """A tensor as a message, or the message that there is none."""
    if x is None:
        return Frame(Kind.NOTHING, 0, public, torch.empty(0, dtype=torch.uint8))
    return Frame(Kind.DATA, 0, public, x)

"""Whole messages over the connections of a process: sent and received side by side, with an eye on who is still there.

All sends and receives of a round go on at once, since two processes that both only send would wait for each other as
soon as their messages are longer than what the system keeps for them.
"""

import selectors
import time
from collections.abc import Collection, Mapping
from typing import NoReturn

from causal_lpm.parties.faults import Disagreement, PartyLost, name_of
from causal_lpm.parties.links import Links
from causal_lpm.parties.place import Place
from causal_lpm.parties.watch import Watch
from causal_lpm.parties.wire import Frame, Reading, pack

__all__ = ["Messages"]


class Messages:
    """The messages of a process: connected when it is made, closed by `finish` or `fail`.

    Args:
        place: This process among all.

    Raises:
        PartyLost: somebody does not connect, ends, or is silent for too long, now or in any later call.
        Disagreement: somebody was started otherwise, or a message did not arrive as it was sent.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._links = Links(place)
        self._sockets = {rank: link.data for rank, link in self._links.with_rank.items()}
        self._readings = {rank: Reading(self._name(rank)) for rank in self._sockets}
        self._sent = dict.fromkeys(self._sockets, 0)
        self._received = dict.fromkeys(self._sockets, 0)
        self._watch = Watch(place, self._links)
        self._watch.start()
        self._open = True

    def exchange(self, sent: Mapping[int, Frame], receive: Collection[int]) -> dict[int, Frame]:
        """Sends a message to each process that is named, and gives one of each that is to be received.

        The `sequence` of what is sent is set here, and checked in what arrives.
        """
        got: dict[int, Frame] = {}
        leaving: dict[int, list[memoryview]] = {}
        for rank, frame in sent.items():
            leaving[rank] = [memoryview(part) for part in pack(self._numbered(rank, frame)) if len(part)]
        with selectors.DefaultSelector() as selector:
            selector.register(self._watch.bell, selectors.EVENT_READ, None)
            for rank in {*leaving, *receive}:
                events = selectors.EVENT_WRITE * (rank in leaving) | selectors.EVENT_READ * (rank in receive)
                selector.register(self._sockets[rank], events, rank)
            while leaving or len(got) < len(receive):
                for key, ready in selector.select(1.0):
                    rank = key.data
                    if rank is None:
                        self._raise_fault()
                    if ready & selectors.EVENT_WRITE and rank in leaving:
                        self._send(rank, leaving)
                    if ready & selectors.EVENT_READ and rank not in got:
                        frame_or_none = self._receive(rank)
                        if frame_or_none is not None:
                            got[rank] = frame_or_none
                    events = selectors.EVENT_WRITE * (rank in leaving)
                    events |= selectors.EVENT_READ * (rank in receive and rank not in got)
                    if events:
                        selector.modify(key.fileobj, events, rank)
                    else:
                        selector.unregister(key.fileobj)
        return got

    def first_of(self, ranks: Collection[int]) -> tuple[int, Frame] | None:
        """The next message of any of these processes; None once all of them have finished."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._watch.bell, selectors.EVENT_READ, None)
            for rank in ranks:
                selector.register(self._sockets[rank], selectors.EVENT_READ, rank)
            while not self._watch.finished >= set(ranks):
                for key, _ in selector.select(0.1):
                    if key.data is None:
                        self._raise_fault()
                    if key.data in self._watch.finished and not self._readings[key.data].amid:
                        selector.unregister(key.fileobj)  # closed, or about to be
                        continue
                    frame = self._receive(key.data)
                    if frame is not None:
                        return key.data, frame
        return None

    def finish(self) -> None:
        """Says that this process needs nothing more, and closes its connections."""
        if self._open:
            self._open = False
            self._watch.finish()
            self._links.close()

    def fail(self, error: BaseException) -> None:
        """Tells all others why this process ends, and closes its connections."""
        if self._open:
            self._open = False
            self._watch.report(error)
            self._links.close()

    def _numbered(self, rank: int, frame: Frame) -> Frame:
        self._sent[rank] += 1
        return Frame(frame.kind, self._sent[rank], frame.public, frame.value)

    def _send(self, rank: int, leaving: dict[int, list[memoryview]]) -> None:
        try:
            left = self._sockets[rank].sendmsg(leaving[rank])
        except BlockingIOError:
            return
        except OSError:
            self._gone(rank)
        while leaving[rank] and left >= len(leaving[rank][0]):
            left -= len(leaving[rank].pop(0))
        if leaving[rank]:
            leaving[rank][0] = leaving[rank][0][left:]
        else:
            del leaving[rank]

    def _receive(self, rank: int) -> Frame | None:
        try:
            frame = self._readings[rank].take(self._sockets[rank].recv_into)
        except BlockingIOError:
            return None
        except (OSError, EOFError):
            self._gone(rank)
        if frame is None:
            return None
        self._received[rank] += 1
        if frame.sequence != self._received[rank]:
            raise Disagreement(
                f"{self._name(rank)} has sent message {frame.sequence} where {self._received[rank]} was due: one was "
                "lost or came twice. Nothing is released."
            )
        return frame

    def _gone(self, rank: int) -> NoReturn:
        """A connection has ended: the signs of life know more, a moment later."""
        until = time.monotonic() + 2 * self.place.patience.beat + 1.0
        while self._watch.fault is None and time.monotonic() < until:
            time.sleep(0.01)
        self._raise_fault()
        raise PartyLost(rank, f"{self._name(rank)} has closed its connection before the run was over.")

    def _raise_fault(self) -> None:
        if self._watch.fault is not None:
            raise self._watch.fault

    def _name(self, rank: int) -> str:
        return name_of(rank, self.place.parties)

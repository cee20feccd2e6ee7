"""Signs of life: who of the others is still there, known within seconds, whatever this process is busy with.

A process that was killed closes its connections; one that was stopped falls silent. Whoever notices tells all others,
so that every process names the same one, and not the first that left because of it.
"""

import selectors
import socket
import threading
import time
from contextlib import suppress

from causal_lpm.parties.faults import Disagreement, PartyLost, name_of
from causal_lpm.parties.links import Links
from causal_lpm.parties.place import Place
from causal_lpm.parties.wire import Frame, Kind, Reading, pack, text_frame

__all__ = ["Watch"]

LINGER = 2.0  # seconds for the others to read why this process ends
_NOTHING = " Nothing is released; see what it says, and start all processes again."


class Watch(threading.Thread):
    """A thread that sends signs of life and waits for those of all others.

    Args:
        place: This process.
        links: The connections with all others.

    Attributes:
        fault: What ended the run, once something has.
        bell: Becomes readable when there is a fault.
        finished: The ranks that have said that they need nothing more.
    """

    def __init__(self, place: Place, links: Links) -> None:
        super().__init__(name="signs of life", daemon=True)
        self.fault: PartyLost | Disagreement | None = None
        self.bell, self._rope = socket.socketpair()
        self._place, self._patience = place, place.patience
        self._links, self._connections = links, {rank: link.beat for rank, link in links.with_rank.items()}
        self._readings = {rank: Reading(name_of(rank, place.parties)) for rank in self._connections}
        self._heard = dict.fromkeys(self._connections, time.monotonic())
        self.finished: set[int] = set()
        self._ends, self._finishing = threading.Event(), threading.Event()
        self._lock = threading.Lock()

    def run(self) -> None:
        """Until `finish`, or a fault."""
        with selectors.DefaultSelector() as selector:
            for rank, connection in self._connections.items():
                selector.register(connection, selectors.EVENT_READ, rank)
            selector.register(self._links.listener, selectors.EVENT_READ, None)
            due = time.monotonic()
            while not self._ends.is_set() and self.fault is None:
                if self._finishing.is_set() and self.finished >= set(self._connections):
                    return
                now = time.monotonic()
                if now >= due:
                    self._tell_all(text_frame(Kind.BEAT, ""))
                    due = now + self._patience.beat
                for key, _ in selector.select(max(0.0, min(due - now, 0.2))):
                    if key.data is None:
                        self._links.refuse_another()
                    elif not self._listen(key.data):
                        selector.unregister(key.fileobj)
                self._miss_the_silent()

    def finish(self) -> None:
        """Says that this process needs nothing more, and ends when all others have said so or have gone."""
        self._tell_all(text_frame(Kind.OVER, ""))
        if self.is_alive():
            self._finishing.set()
            self.join(timeout=self._patience.silence)
        self._close()

    def report(self, error: BaseException) -> None:
        """Tells all others why this process ends, and ends the thread; private values are in no such sentence."""
        if not isinstance(error, PartyLost | Disagreement):
            me = self._place.rank
            error = PartyLost(me, f"{self._call(me)} has ended with an error of its own.{_NOTHING}")
        self._tell_all(_message(error))
        self._ends.set()
        self.join(timeout=self._patience.silence)
        self._drain()
        self._close()

    def _close(self) -> None:
        self._ends.set()
        self.bell.close()
        self._rope.close()

    def _drain(self) -> None:
        """Lets the others read the last message: a connection that is closed with unread bytes takes it with it."""
        until = time.monotonic() + LINGER
        for connection in self._connections.values():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(max(0.01, until - time.monotonic()))
                while connection.recv(4096):
                    pass

    def _tell_all(self, frame: Frame) -> None:
        message = b"".join(pack(frame))
        with self._lock:
            for connection in self._connections.values():
                with suppress(OSError):  # gone, or its buffer is full because it is stopped: it will be missed
                    connection.send(message)

    def _listen(self, rank: int) -> bool:
        """Takes what has arrived from a process; False when nothing will come any more."""
        try:
            frame = self._readings[rank].take(self._connections[rank].recv_into)
        except BlockingIOError:
            return True
        except (OSError, EOFError):
            if rank not in self.finished:
                self._found(PartyLost(rank, f"{self._call(rank)} has ended before the run was over.{_NOTHING}"))
            return False
        except Disagreement as error:
            self._found(error)
            return False
        self._heard[rank] = time.monotonic()
        if frame is None or frame.kind == Kind.BEAT:
            return True
        if frame.kind == Kind.OVER:
            self.finished.add(rank)
        elif frame.kind == Kind.LOST:
            self._found(PartyLost(frame.sequence, frame.text))
        elif frame.kind == Kind.DISAGREES:
            self._found(Disagreement(frame.text))
        return True

    def _miss_the_silent(self) -> None:
        now = time.monotonic()
        for rank, heard in self._heard.items():
            if rank not in self.finished and now - heard > self._patience.silence:
                silence = f"{self._call(rank)} has not been heard of for {self._patience.silence:g} s.{_NOTHING}"
                self._found(PartyLost(rank, silence))

    def _found(self, fault: PartyLost | Disagreement) -> None:
        if self.fault is not None:
            return
        self.fault = fault
        self._tell_all(_message(fault))
        with suppress(OSError):
            self._rope.send(b"!")

    def _call(self, rank: int) -> str:
        return name_of(rank, self._place.parties)


def _message(fault: PartyLost | Disagreement) -> Frame:
    if isinstance(fault, PartyLost):
        return text_frame(Kind.LOST, str(fault), fault.rank)
    return text_frame(Kind.DISAGREES, str(fault))

"""Connections of a process with all others: one for data, one for signs of life, each with a greeting on both sides."""

import json
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass

from causal_lpm.parties.faults import Disagreement, PartyLost, name_of
from causal_lpm.parties.place import Place
from causal_lpm.parties.wire import Frame, Kind, Reading, pack, text_frame

__all__ = ["Link", "Links"]

PURPOSES = ("data", "beat")
WIRE = 1  # version of the greeting and of what follows
SHORT = 2.0  # seconds that a process which has connected may take to say who it is


@dataclass(frozen=True)
class Link:
    """The connections with one other process."""

    data: socket.socket
    beat: socket.socket


@dataclass(frozen=True)
class _Greeting:
    rank: int
    parties: int
    purpose: str
    wire: int = WIRE


class Links:
    """Connections with all others; this process keeps its address until it closes them.

    Args:
        place: Its rank and the addresses.

    Attributes:
        with_rank: The connections with each other process.
        listener: Where others connect; it stays open, so that this process keeps its address.

    Raises:
        PartyLost: somebody has not connected in time.
        Disagreement: another process has this rank or this address, or was started for another number of parties.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._me = name_of(place.rank, place.parties)
        self._until = time.monotonic() + place.patience.start
        self._sockets: dict[tuple[int, str], socket.socket] = {}
        self.listener = self._listen()
        try:
            for rank in range(place.rank):
                for purpose in PURPOSES:
                    self._sockets[rank, purpose] = self._call(rank, purpose)
            while len(self._sockets) < len(PURPOSES) * place.parties:
                self._answer()
        except BaseException:
            self.close()
            raise
        others = [rank for rank in range(len(place.addresses)) if rank != place.rank]
        self.with_rank = {rank: Link(self._sockets[rank, "data"], self._sockets[rank, "beat"]) for rank in others}
        for connection in self._sockets.values():
            connection.setblocking(False)

    def close(self) -> None:
        """Closes all connections."""
        for connection in (self.listener, *self._sockets.values()):
            connection.close()

    def refuse_another(self) -> None:
        """Answers a process that connects when all have connected."""
        with suppress(OSError, EOFError, Disagreement):
            connection, _ = self.listener.accept()
            with connection:
                connection.settimeout(SHORT)
                _receive(connection, "a process that connects")
                self._refuse(connection, f"all ranks are connected with {self._me} already")

    def _refuse(self, connection: socket.socket, why: str) -> None:
        _send(connection, text_frame(Kind.REFUSED, f"{why}: give each process its own rank."))

    def _listen(self) -> socket.socket:
        host, port = self._place.host_and_port(self._place.rank)
        try:
            return socket.create_server((host, port), backlog=4 * len(self._place.addresses))
        except OSError as error:
            raise Disagreement(
                f"{self._me} cannot listen at {host}:{port} ({(error.strerror or str(error)).lower()}): another "
                "process has that address, perhaps this rank was started twice."
            ) from error

    def _greet(self, connection: socket.socket, purpose: str) -> None:
        greeting = _Greeting(self._place.rank, self._place.parties, purpose)
        _send(connection, text_frame(Kind.HELLO, json.dumps(asdict(greeting))))

    def _remaining(self, rank: int) -> float:
        """Seconds that are left to wait for a process."""
        left = self._until - time.monotonic()
        if left <= 0:
            late = name_of(rank, self._place.parties)
            raise PartyLost(
                rank,
                f"{late} has not connected with {self._me} within {self._place.patience.start:g} s: see what it says, "
                "and start all processes again, closer to each other, or with a longer --wait.",
            )
        return left

    def _call(self, rank: int, purpose: str) -> socket.socket:
        """A connection that the process of a lower rank has taken."""
        while True:
            left = self._remaining(rank)
            connection = None
            try:
                connection = socket.create_connection(self._place.host_and_port(rank), timeout=left)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._greet(connection, purpose)
                answer = _receive(connection, name_of(rank, self._place.parties))
            except (OSError, EOFError):  # not there yet
                if connection is not None:
                    connection.close()
                time.sleep(0.05)
                continue
            problem = answer.text if answer.kind == Kind.REFUSED else self._problem(_read(answer), rank)
            if problem is not None:
                connection.close()
                raise Disagreement(problem)
            return connection

    def _answer(self) -> None:
        """Takes, or refuses, the next connection."""
        expected = [(r, p) for r in range(self._place.rank + 1, self._place.parties + 1) for p in PURPOSES]
        left = self._remaining(next(rank for rank, purpose in expected if (rank, purpose) not in self._sockets))
        self.listener.settimeout(left)
        try:
            connection, _ = self.listener.accept()
            connection.settimeout(min(SHORT, left))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            greeting = _read(_receive(connection, "a process that connects"))
        except (OSError, EOFError, Disagreement):  # nobody came in time, or not one of ours
            return
        try:
            key = (greeting.rank, greeting.purpose) if greeting else (-1, "")
            problem = self._problem(greeting, key[0])
            if problem is None and (key not in expected or key in self._sockets):
                taken = f"rank {key[0]} has another process already, with which {self._me} is connected"
                self._refuse(connection, taken)
            elif problem is None:
                self._greet(connection, key[1])
                self._sockets[key] = connection
                return
            else:
                _send(connection, text_frame(Kind.REFUSED, problem))
        except OSError:  # it has gone again, and will be missed
            problem = None
        connection.close()
        if problem is not None:
            raise Disagreement(problem)

    def _problem(self, greeting: _Greeting | None, rank: int) -> str | None:
        """What is wrong with the greeting of a process that should have a rank."""
        other = name_of(rank, self._place.parties)
        if greeting is None or greeting.rank != rank:
            return f"at the address of {other} is another process: give all processes the same addresses."
        if greeting.parties != self._place.parties:
            return (
                f"rank {rank} was started for {greeting.parties} parties and {self._me} for {self._place.parties}: "
                "give all processes the same addresses."
            )
        if greeting.wire != WIRE:
            return f"{other} sends messages of version {greeting.wire} and {self._me} of {WIRE}: install one version."
        return None


def _send(connection: socket.socket, frame: Frame) -> None:
    head, body = pack(frame)
    connection.sendall(head)
    connection.sendall(body)


def _receive(connection: socket.socket, sender: str) -> Frame:
    reading = Reading(sender)
    while True:
        frame = reading.take(connection.recv_into)
        if frame is not None:
            return frame


def _read(frame: Frame) -> _Greeting | None:
    """What a greeting says; None if it is none."""
    with suppress(ValueError, TypeError):
        greeting = _Greeting(**json.loads(frame.text))
        if type(greeting.rank) is type(greeting.parties) is int and greeting.purpose in PURPOSES:
            return greeting
    return None

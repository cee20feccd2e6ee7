"""Several parties and their dealer in one process: for tests, and to try a run out before machines are asked.

Each party has a thread, but one runs at a time, until it waits for the others: Pyro's handlers belong to the process,
so that a party that waits takes its own off the stack and puts them back when it goes on.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from torch import Tensor

from causal_lpm.handlers.private.channel import Channel, Request
from causal_lpm.handlers.private.dealing import Dealer
from causal_lpm.ops.pyro_stack import all_put_aside
from causal_lpm.validate import whole_number

__all__ = ["InProcess", "together"]

Result = TypeVar("Result")


class _Left(Exception):
    """Another party has failed: this one stops, and the other's error is raised."""


class _Table:
    """Whose turn it is, and what lies there for whom."""

    def __init__(self, parties: int) -> None:
        self.parties, self.dealer = parties, Dealer(parties)
        self.letters: dict[tuple[int, int, int], Tensor] = {}  # (round, from, to)
        self.rounds = [0] * parties
        self.waiting = threading.Condition()
        self.turn, self.done = 0, [False] * parties
        self.errors: list[BaseException] = []

    def pass_on(self, rank: int) -> None:
        """The turn goes to the next party that still runs."""
        with self.waiting:
            order = [(rank + step) % self.parties for step in range(1, self.parties + 1)]
            self.turn = next((other for other in order if not self.done[other]), -1)
            self.waiting.notify_all()

    def wait(self, rank: int) -> None:
        """Returns when it is this party's turn."""
        with self.waiting:
            self.waiting.wait_for(lambda: self.turn == rank or self.errors)
            if self.errors:
                raise _Left


class InProcess(Channel):
    """The channel of one party of `together`; `heard` keeps what it has received, for tests."""

    def __init__(self, table: _Table, rank: int) -> None:
        super().__init__(rank, table.parties)
        self._table = table
        self.heard: list[Tensor] | None = None

    def greet_dealer(self, key: bytes) -> None:
        self._table.dealer.meet(self.rank, key)
        with all_put_aside():
            self._table.pass_on(self.rank)
            self._table.wait(self.rank)

    def _exchange(self, sent: Mapping[int, Tensor]) -> dict[int, Tensor]:
        table, number = self._table, self._table.rounds[self.rank]
        for other, x in sent.items():
            table.letters[number, self.rank, other] = x.clone()
        table.rounds[self.rank] += 1
        with all_put_aside():
            table.pass_on(self.rank)
            table.wait(self.rank)
        late = [rank for rank in range(self.parties) if table.rounds[rank] <= number]
        if late:
            raise ValueError(f"party {late[0]} ended while party {self.rank} waited for its message.")
        letters = {rank: table.letters.pop((number, rank, self.rank), None) for rank in range(self.parties)}
        got = {rank: x for rank, x in letters.items() if x is not None}
        if self.heard is not None:
            self.heard += got.values()
        return got

    def _deal(self, request: Request) -> Tensor:
        return self._table.dealer.answer(request)


def together(parties: int, run: Callable[[InProcess], Result]) -> list[Result]:
    """Runs `run(channel)` for each of so many parties, with a dealer, in this process.

    Args:
        parties: How many, 2 to 16.
        run: What a party does; what it needs of its own it finds by `channel.rank`.

    Returns:
        What each has returned.

    Raises:
        ValueError: a number of parties that is not from 2 to 16; whatever a party raises.

    >>> import torch
    >>> together(3, lambda channel: sum(channel.to_all(torch.tensor([channel.rank]))))
    [tensor([3]), tensor([3]), tensor([3])]
    """
    table = _Table(whole_number("parties", parties, low=2, high=16))
    results: dict[int, Result] = {}

    def live(rank: int) -> None:
        with contextlib.suppress(_Left):
            try:
                table.wait(rank)
                results[rank] = run(InProcess(table, rank))
            except Exception as error:  # noqa: BLE001  # raised again by the caller's thread
                if not isinstance(error, _Left):
                    with table.waiting:
                        table.errors.append(error)
            finally:
                table.done[rank] = True
                table.pass_on(rank)

    threads = [threading.Thread(target=live, args=(rank,), name=f"party {rank}") for rank in range(parties)]
    with all_put_aside():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if table.errors:
        raise table.errors[0]
    return [results[rank] for rank in range(parties)]

"""What the processes of tests do."""

import json
import os
import time
from functools import partial
from pathlib import Path

import torch

from causal_lpm.handlers.private.channel import Request
from causal_lpm.handlers.private.masks import agree
from causal_lpm.parties import Place, Release, TcpChannel, deal, decentralize
from causal_lpm.parties.messages import Messages
from causal_lpm.parties.wire import Kind, text_frame
from tests.parties.epidemic import simulation

torch.set_num_threads(1)


def say(*words: object) -> None:
    """Writes a line to standard output."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def dealer(place: Place, folder: Path) -> None:
    """The dealer's program."""
    deal(place)


def rounds(place: Place, folder: Path) -> None:
    """Rounds without end, with a file once they have begun."""
    with TcpChannel(place) as channel:
        agree(channel)
        for number in range(10**9):
            got = channel.to_all(torch.tensor([channel.rank, number]))
            assert [x.tolist() for x in got] == [[rank, number] for rank in range(channel.parties)]
            if channel.rank == 0:
                channel.deal(Request("product", (3,), number))
            if number == 20:
                (folder / f"running-{place.rank}").touch()
            time.sleep(0.001)


def ten_rounds(place: Place, folder: Path) -> None:
    """Ten rounds with long messages, and the sum as output."""
    with TcpChannel(place) as channel:
        agree(channel)
        total = torch.zeros((), dtype=torch.int64)
        for _ in range(10):
            x = torch.full((200_000,), 10**place.rank, dtype=torch.int64)
            total += sum(y.sum() for y in channel.to_all(x))
        say(int(total), channel.cost.rounds)


def stops_at_once(place: Place, folder: Path) -> None:
    """An error of its own before the first round."""
    with TcpChannel(place):
        raise ValueError("column 'age' contains NaN: fill it in, or leave those agents out.")


def other_public(place: Place, folder: Path) -> None:
    """Rounds in which party 1 holds another number for public from the third on."""
    with TcpChannel(place) as channel:
        agree(channel)
        for number in range(10):
            channel.public(f"step {number}", b"closed" if (place.rank, number) == (1, 3) else b"open")
            channel.to_all(torch.tensor([number]))
        say("released")


def corrupted(place: Place, folder: Path) -> None:
    """Rounds in which a byte of what party 1 sends is changed on the way."""
    with TcpChannel(place) as channel:
        agree(channel)
        for number in range(10):
            if (place.rank, number) == (1, 5):
                messages: Messages = channel._messages
                messages._sockets[0].setblocking(True)
                messages._sockets[0].sendall(b"clp1" + bytes(200))
            channel.to_all(torch.tensor([number]))
        say("released")


def other_program(place: Place, folder: Path) -> None:
    """A text where a round is due."""
    with TcpChannel(place) as channel:
        agree(channel)
        if place.rank == 1:
            others = [0, 2]
            channel._messages.exchange(dict.fromkeys(others, text_frame(Kind.TEXT, "hello")), others)
        channel.to_all(torch.tensor([1]))
        say("released")


def real_with(place: Place, folder: Path, **changes: object) -> None:
    """The epidemic with settings, some of them changed; the released totals as output."""
    parameters = {key: changes.pop(key) for key in ("days", "closing", "graph_seed") if key in changes}
    settings = {
        "release": Release(cases=(0, 300), ill=(0, 300), exact=True),
        "noise": "owner",
        "small": {"stage": 3},
        "seed": 1,
        "population": folder / f"people-{place.rank}.parquet",
        **changes,
    }
    with decentralize(simulation(**parameters), **settings) as real_sim:  # type: ignore[arg-type]
        real_sim.deploy(place)
        run = real_sim.sync()
        say(json.dumps({name: series.tolist() for name, series in sorted(run.tallies.items())}))


real = partial(real_with)
public_noise = partial(real_with, noise="public")

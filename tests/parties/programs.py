"""What the processes of tests do."""

import hashlib
import json
import os
import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pyro.poutine.messenger import Messenger

from causal_lpm import rollout, tally
from causal_lpm.handlers.private.channel import Request
from causal_lpm.handlers.private.masks import agree
from causal_lpm.parties import Place, Release, TcpChannel, calibrate_private, deal, decentralize, settings
from causal_lpm.parties import dealer as dealing
from causal_lpm.parties.messages import Messages
from causal_lpm.parties.opening import Opening
from causal_lpm.parties.wire import Frame, Kind, text_frame
from causal_lpm.provenance import versions
from tests.parties.epidemic import epidemic, part, simulation, smooth_people, smooth_simulation, squares

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


def real_with(place: Place, folder: Path, **changes: Any) -> None:
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


class Slow(Messenger):
    """Days take some milliseconds, and after the third there is a file."""

    def __init__(self, name: Path) -> None:
        super().__init__()
        self._name = name

    def _pyro_post_step(self, msg: dict[str, Any]) -> None:
        time.sleep(0.03)
        if msg["args"][2] == 3:
            self._name.touch()


def kept(place: Place, folder: Path, slow: bool = False, days: int = 40, graph_seed: int = 0, **changes: Any) -> None:
    """A run with an output and checkpoints."""
    settings = {
        "release": Release(cases=(0, 300), ill=(0, 300), exact=True),
        "population": folder / f"people-{place.rank}.parquet",
        "small": {"stage": 3},
        "seed": 1,
        "out": folder / f"out-{place.rank}",
        "checkpoints": folder / f"checkpoints-{place.rank}",
        **changes,
    }
    warnings.simplefilter("ignore")
    with decentralize(simulation(days=days, graph_seed=graph_seed), **settings) as real_sim:
        real_sim.deploy(place)
        with Slow(folder / f"running-{place.rank}") if slow else nullcontext():
            run = real_sim.sync()
        say(json.dumps({name: series.tolist() for name, series in sorted(run.tallies.items())}))


def tracing(place: Place, folder: Path, days: int = 4) -> None:
    """The epidemic over contacts that are known by tokens alone."""
    warnings.simplefilter("ignore")
    with decentralize(
        partial(epidemic, days=days),
        protocol="ble_contact_tracing",
        release=Release(cases=(0, 300), ill=(0, 300), exact=True),
        noise="public",
        small={"stage": 3},
        seed=1,
        population=folder / f"people-{place.rank}.parquet",
        heard=folder / f"tokens-{place.rank}.parquet",
    ) as real_sim:
        real_sim.deploy(place)
        run = real_sim.sync()
        say(json.dumps({name: series.tolist() for name, series in sorted(run.tallies.items())}))


def heard(place: Place, folder: Path, **changes: Any) -> None:
    """As `kept`, and writes the hash of every long message that this party has sent."""
    messages: list[bytes] = []
    exchange = TcpChannel._exchange

    def noting(channel: TcpChannel, sent: Mapping[int, torch.Tensor]) -> dict[int, torch.Tensor]:
        for x in sent.values():
            data = x.contiguous().view(torch.uint8).numpy().tobytes()
            if len(data) >= 64:  # of two random bits a byte, at least
                messages.append(hashlib.blake2b(data, digest_size=16).digest())
        return exchange(channel, sent)

    TcpChannel._exchange = noting  # type: ignore[method-assign]
    kept(place, folder, **changes)
    (folder / f"sent-{place.rank}").write_bytes(b"".join(messages))


def at_release(place: Place, folder: Path, **changes: Any) -> None:
    """As `kept`, with a pause after the model has run and before anything is opened."""
    check = Opening.check

    def pausing(opening: Opening, totals: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        (folder / f"releasing-{place.rank}").touch()
        time.sleep(1.0)
        return check(opening, totals)

    Opening.check = pausing  # type: ignore[method-assign]
    kept(place, folder, days=3, **changes)


SCALE = {"by": 2}
"""What a model finds outside of itself: no handshake sees it."""


def _scaled(people: Any) -> Any:
    def day(s: Any) -> Any:
        return {**s, "stage": s["stage"] * SCALE["by"] + tally("ill", s["stage"] == 1) * 0}

    return rollout(day, {"stage": people["stage"].long()}, 3)


def other_number_outside(place: Place, folder: Path) -> None:
    """A model that multiplies secrets by a number from outside, another one at party 1."""
    SCALE["by"] = 3 if place.rank == 1 else 2
    settings: Any = {
        "release": Release(ill=(0, 300), exact=True),
        "population": folder / f"people-{place.rank}.parquet",
    }
    with decentralize(_scaled, **settings) as real_sim:
        real_sim.deploy(place)
        say(real_sim.sync().tallies)


def other_version(place: Place, folder: Path) -> None:
    """As `kept`, with another version of a package at party 1."""
    if place.rank == 1:
        settings.versions = lambda: {**versions(), "torch": "2.5.0"}  # type: ignore[attr-defined]
    kept(place, folder)


def noting_dealer(place: Place, folder: Path) -> None:
    """The dealer, who writes down all that it is asked after the keys."""
    read = dealing._request
    lines: list[str] = []

    def noting(frame: Frame, public: torch.Tensor | None) -> Request:
        with_table = "" if public is None else hashlib.sha256(public.numpy().tobytes()).hexdigest()
        lines.append(f"rank 0 {frame.kind.name} {frame.text} {with_table}")
        return read(frame, public)

    dealing._request = noting
    deal(place)
    (folder / "asked").write_text("\n".join(lines))


def dealer_of_another_source(place: Place, folder: Path) -> None:
    """The dealer, with another source of the package."""
    dealing.package_fingerprint = lambda: "0" * 16  # type: ignore[attr-defined]
    deal(place)


def opens_to_the_dealer(place: Place, folder: Path) -> None:
    """Party 1 sends the dealer numbers, as it would send what was opened."""
    with TcpChannel(place) as channel:
        agree(channel)
        if place.rank == 1:
            frame = Frame(Kind.DATA, 0, 0, torch.arange(5))
            channel._messages.exchange({3: frame}, ())
            channel._messages.exchange({3: frame}, ())
        for _ in range(10**6):
            channel.to_all(torch.tensor([1]))


def asks_nonsense(place: Place, folder: Path) -> None:
    """Party 0 asks for what there is not."""
    with TcpChannel(place) as channel:
        agree(channel)
        if place.rank == 0:
            channel.deal(Request("secrets", (3,), 0))
        for _ in range(10**6):
            channel.to_all(torch.tensor([1]))


def calibrating(place: Place, folder: Path, steps: int, noise: str = "public", sigma2: float | None = None) -> None:
    """Calibrates the epidemic with other parties; the path and the losses as output."""
    warnings.simplefilter("ignore")
    release = Release(cases=(-1000, 1000), ill=(-1000, 1000), exact=True, sigma2=sigma2)
    gradients = Release(beta=(-1e6, 1e6), gamma=(-1e6, 1e6), exact=True, sigma2=sigma2)
    mine = part(smooth_people(), place.rank, place.parties)
    settings = {"noise": noise, "small": {"S": 2, "I": 2}, "seed": 1, "population": mine}
    with decentralize(smooth_simulation(), release=release, **settings) as real_sim:  # type: ignore[arg-type]
        real_sim.deploy(place)
        found = calibrate_private(real_sim, squares, {"beta": 0.05, "gamma": 0.4}, gradients=gradients, steps=steps)
        say(json.dumps([found.path, found.losses, found.values, found.ledger.rho]))

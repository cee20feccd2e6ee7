"""Runs one process of a private run as the command line asks for it: a party, or the dealer."""

import inspect
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import typer
from rich.table import Table

from causal_lpm.cli.terminal import bad_input, console, fail
from causal_lpm.inference.studies.catalogue import named_object
from causal_lpm.parties import Disagreement, PartyLost, Patience, Place, RealSimulation, deal

__all__ = ["run_dealer", "run_party"]

DELTA = 1e-6
"""At which the price of a release is shown."""


def run_party(
    target: str | None,
    rank: int | None,
    population: Path | None,
    heard: Path | None,
    addresses: str | None,
    transport: str | None,
    wait: int,
    out: Path | None,
    checkpoints: Path | None,
) -> None:
    """Runs a party to its end, and shows what was released and what it cost; the arguments are the command's."""
    torch.set_num_threads(1)
    with bad_input():
        if target is None:
            raise ValueError("there is no simulation: give package.module:object, or set CAUSAL_LPM_SIMULATION.")
        found = named_object(target)
        if callable(found) and not isinstance(found, RealSimulation):
            if _needs_arguments(found):
                raise ValueError(f"{target} needs arguments: name what decentralize(...) has made, not the simulation.")
            found = found()
        if not isinstance(found, RealSimulation):
            raise ValueError(f"{target} is a {type(found).__name__}: name what decentralize(...) has made.")
        place = _place(addresses, rank, transport, wait)
        if place.is_dealer:
            raise ValueError(f"rank {place.rank} is the dealer's: start it with `causal-lpm dealer`.")
    found.population = found.population if population is None else population
    found.heard = found.heard if heard is None else heard
    found.out = found.out if out is None else out
    found.checkpoints = found.checkpoints if checkpoints is None else checkpoints
    with _lost(), bad_input(), found:
        found.deploy(place)
        run = found.sync()
        cost = found.cost
    table = Table("tally", "total", "on the last day", title="Released", title_justify="left")
    for name, series in sorted(run.tallies.items()):
        rows = series.reshape(-1, series.shape[-1])
        table.add_row(name, _numbers(rows.sum(-1)), _numbers(rows[:, -1]))
    console().print(table)
    price = found.ledger.epsilon(DELTA)
    said = "exact, no bound" if math.isinf(price) else f"epsilon {price:.3g} at delta {DELTA:g}"
    typer.echo(
        f"Privacy: {said}. Cost: {cost.rounds} rounds, {cost.sent / 1e6:.3g} MB sent, {cost.dealt / 1e6:.3g} dealt."
    )
    if found.out is not None:
        typer.echo(f"Results: {found.out}")


def run_dealer(addresses: str | None, transport: str | None, wait: int) -> None:
    """Deals until the parties have finished."""
    torch.set_num_threads(1)
    with _lost(), bad_input():
        place = _place(addresses, None, transport, wait, dealer=True)
        answered = deal(place)
    typer.echo(f"The parties have finished: {answered} requests were answered.")


def _needs_arguments(made: Callable[..., object]) -> bool:
    try:
        inspect.signature(made).bind()
    except TypeError:
        return True
    return False


def _place(addresses: str | None, rank: int | None, transport: str | None, wait: int, dealer: bool = False) -> Place:
    environment = {**os.environ, **({} if addresses is None else {"CAUSAL_LPM_ADDRESSES": addresses})}
    if dealer:
        rank = environment.get("CAUSAL_LPM_ADDRESSES", "").count(",")
    return Place.from_environment(rank, transport, Patience(start=float(wait)), environment)


@contextmanager
def _lost() -> Iterator[None]:
    try:
        yield
    except (PartyLost, Disagreement) as error:
        fail(str(error), 1)
    except KeyboardInterrupt:
        fail("interrupted. Nothing is released.", 130)


def _numbers(x: torch.Tensor) -> str:
    return ", ".join(f"{value:g}" for value in x.tolist()[:6]) + (" ..." if len(x) > 6 else "")

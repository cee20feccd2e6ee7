"""The commands of a private run: a process a party, and one for the dealer.

`causal-lpm party TARGET --rank 1 --population mine.parquet | dealer`
"""

from pathlib import Path
from typing import Annotated

import typer

from causal_lpm.cli.commands import app
from causal_lpm.cli.terminal import Once, whole_option

__all__ = ["app"]

Addresses = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT,...",
        help="Of every party, in the order of ranks, and last of the dealer; default: CAUSAL_LPM_ADDRESSES.",
    ),
]
Transport = Annotated[
    str | None,
    typer.Option(
        metavar="wireguard|mutual-tls",
        help="What protects messages between machines; without it, all addresses must be of this one.",
    ),
]
Wait = Annotated[int, whole_option("Seconds until all processes must have started.")]


@app.command(cls=Once)
def party(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[TARGET]",
            help="package.module:object, made by decentralize, or what makes it; default: CAUSAL_LPM_SIMULATION.",
            envvar="CAUSAL_LPM_SIMULATION",
        ),
    ] = None,
    rank: Annotated[int | None, whole_option("Of this party, from 0; default: CAUSAL_LPM_RANK.")] = None,
    population: Annotated[Path | None, typer.Option(metavar="FILE.parquet", help="This party's own agents.")] = None,
    heard: Annotated[
        Path | None, typer.Option(metavar="FILE.parquet", help="What its agents sent and heard, for contact tracing.")
    ] = None,
    addresses: Addresses = None,
    transport: Transport = None,
    wait: Wait = 25,
    out: Annotated[Path | None, typer.Option(help="A new folder for what is released.")] = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="A folder of this party: a run that was cut off goes on from there.")
    ] = None,
) -> None:
    """Runs a simulation with other parties, each with its own agents, and shows what is released.

    The exit code is 0 for a release, 1 where a process has gone or something differs (nothing is released), 2 for bad
    input.
    """
    from causal_lpm.cli.party_run import run_party

    run_party(target, rank, population, heard, addresses, transport, wait, out, checkpoints)


@app.command(cls=Once)
def dealer(addresses: Addresses = None, transport: Transport = None, wait: Wait = 25) -> None:
    """Deals random numbers to the parties of a private run, until they have finished; it learns nothing of them."""
    from causal_lpm.cli.party_run import run_dealer

    run_dealer(addresses, transport, wait)

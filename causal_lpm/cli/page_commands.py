"""The commands that make pages: a report in one file, and a page to explore.

`causal-lpm report RESULTS | explore STUDY|RESULTS`
"""

from pathlib import Path
from typing import Annotated

import typer

from causal_lpm.cli.options import Agents, Days, Extra, Mechanism, Population, Replicates, Workers, extra_options
from causal_lpm.cli.party_commands import app
from causal_lpm.cli.terminal import Once, bad_input, failures, whole_option

__all__ = ["app"]

PROCESSES = 2


@app.command(cls=Once)
def report(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="A results.nc, calibration.nc or predictions.nc.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Default: report.html beside the results.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """One HTML file of a result: it opens without a network, its charts answer the pointer, and it prints."""
    from causal_lpm.reports.results import result_file
    from causal_lpm.reports.writing import check_report_file, write_report

    with bad_input():
        file = result_file(results)
        path = check_report_file(file.parent / "report.html" if out is None else out, overwrite)
    with failures(), bad_input():
        write_report(file, path, overwrite=overwrite)
    typer.echo(f"Report: {path}")


@app.command(cls=Once)
def explore(
    target: Annotated[str, typer.Argument(metavar="STUDY|RESULTS", help="A name of `causal-lpm list`, or a result.")],
    port: Annotated[int | None, whole_option("Of the address; default: a free one.")] = None,
    agents: Agents = None,
    days: Days = None,
    replicates: Replicates = None,
    seed: Annotated[int | None, whole_option("With the same seed, the same numbers.")] = None,
    workers: Workers = None,
    mechanism: Mechanism = None,
    population: Population = None,
    option: Extra = None,
) -> None:
    """A page on this machine alone: move policies, simulate both worlds again, take the numbers along."""
    from causal_lpm.explore.serving import serve

    processes = PROCESSES if workers is None else workers
    numbers = {"agents": agents, "days": days, "replicates": replicates, "seed": seed}
    with bad_input():
        extra = extra_options(mechanism, population, options=option)
        page = serve(target, port=port, **numbers, extra=extra, workers=processes)
    typer.echo(f"Open {page.url} in a browser of this machine; Ctrl-C ends it.")
    with failures(), page:
        page.wait()

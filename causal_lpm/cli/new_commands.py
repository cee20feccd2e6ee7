"""The command that begins a study: `causal-lpm new my_study`."""

from pathlib import Path
from typing import Annotated

import typer

from causal_lpm.cli.page_commands import app
from causal_lpm.cli.terminal import Once, bad_input

__all__ = ["app"]


@app.command(cls=Once)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the folder, and of the package, such as my_study.")],
    folder: Annotated[Path, typer.Option("--in", metavar="FOLDER", help="Where it is put.")] = Path(),
) -> None:
    """Write a study that works at once (model, policies, data, test) to be changed into your own."""
    from causal_lpm.simulations.study_writing import new_study

    with bad_input():
        files = new_study(name, folder)
    typer.echo(f"Written: {', '.join(file.name for file in files)}, in {files[0].parent}.")
    typer.echo(
        f"Next: causal-lpm run {name}.study:study, or whatif, or calibrate; see {files[0].parent / 'README.md'}."
    )

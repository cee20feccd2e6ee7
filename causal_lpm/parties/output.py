"""What a private run leaves at each party: the released totals, what they cost in privacy, and in rounds and bytes."""

import csv
import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from causal_lpm.handlers.private.channel import Cost
from causal_lpm.parties.ledger import Ledger

__all__ = ["refuse_existing", "write_output"]


def refuse_existing(out: Path) -> None:
    """Raises FileExistsError where something has the name of the output."""
    if out.exists() or out.is_symlink():
        raise FileExistsError(f"{out} exists: nothing is written over; give another folder.")


def write_output(out: Path, released: Mapping[str, Tensor], ledger: Ledger, cost: Cost) -> None:
    """Writes a new folder, whole or not at all: `released.csv`, `ledger.csv` and `cost.json`.

    Raises:
        FileExistsError: it is there.
    """
    refuse_existing(out)
    part = out.with_name(f".{out.name}.{os.getpid()}")
    part.mkdir(parents=True)
    with (part / "released.csv").open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["tally", "row", "group", "day", "value"])
        for name, series in sorted(released.items()):
            rows = series.reshape(-1, *series.shape[-2:]) if series.dim() > 2 else series[None]
            for row, group, day in itertools.product(*map(range, rows.shape)):
                writer.writerow([name, row, group, day, rows[row, group, day].item()])
    ledger.write(part / "ledger.csv")
    (part / "cost.json").write_text(json.dumps(asdict(cost), indent=1) + "\n", encoding="utf-8")
    part.rename(out)

"""Whether our runs agree with a peer's, column by column, as docs/explanation/peers.md says.

python benchmarks/agreement.py OURS.csv benchmarks/peers/examples/PEER.csv
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

OURS_AT_LEAST = 100
LEAST_P = 1e-3
NEAR = 0.02
ERRORS = 3.0


def agreement(ours: pd.DataFrame, peer: pd.DataFrame, groups: str | None = None) -> pd.DataFrame:
    """One row a column (and group): means, two-sample Kolmogorov-Smirnov p, difference in standard errors, verdict.

    They agree where p is above .001, and the means are within 2% or three standard errors.

    Args:
        ours: One row a seed.
        peer: The same columns.
        groups: A column whose values are compared apart, such as the world.

    Raises:
        ValueError: Fewer than 100 rows of ours in a group.
    """
    rows = []
    for name, mine, theirs in _groups(ours, peer, groups):
        if len(mine) < OURS_AT_LEAST:
            raise ValueError(f"there are {len(mine)} of our seeds of {name!r}: compare at least {OURS_AT_LEAST}.")
        for column in mine.columns:
            a, b = mine[column].to_numpy(float), theirs[column].to_numpy(float)
            error = float(np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))
            apart = float(a.mean() - b.mean())
            p = float(ks_2samp(a, b).pvalue)
            near = abs(apart) <= max(NEAR * abs(b.mean()), ERRORS * error)
            rows.append((name, column, a.mean(), b.mean(), apart / error, p, p > LEAST_P and near))
    return pd.DataFrame(rows, columns=["group", "column", "ours", "peer", "errors", "p", "agrees"])


def _groups(
    ours: pd.DataFrame, peer: pd.DataFrame, groups: str | None
) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    if groups is None:
        yield "", ours.drop(columns="run"), peer.drop(columns="run")
        return
    for name in peer[groups].unique():
        mine, theirs = (table[table[groups] == name].drop(columns=[groups, "run"]) for table in (ours, peer))
        yield str(name), mine, theirs


if __name__ == "__main__":
    tables = [pd.read_csv(Path(file)) for file in sys.argv[1:3]]
    table = agreement(*tables, groups="schools" if "schools" in tables[0] else None)
    print(table.to_string(index=False, float_format=lambda x: f"{x:.4g}"))
    sys.exit(0 if table.agrees.all() else 1)

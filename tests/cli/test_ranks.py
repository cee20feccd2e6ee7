"""`--ranks`: a replicate whose agents several processes share has the numbers of one process."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from causal_lpm.cli import app

SMALL = ["run", "second-dose", "--quick", "--agents", "3000", "--days", "15", "--replicates", "1", "--no-plots"]


WAYS = {
    "together": ["--ranks", "2", "--checkpoint-every", "4"],
    "kept": ["--workers", "1", "--checkpoint-every", "6"],
    "alone": ["--workers", "1"],
}


@pytest.mark.slow
def test_ranks_write_the_numbers_of_one_process(tmp_path: Path) -> None:
    found = []
    for name, where in WAYS.items():
        result = CliRunner().invoke(app, [*SMALL, *where, "--out", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        with np.load(next((tmp_path / name / "replicates").glob("*.npz"))) as kept:
            found.append({key: kept[key] for key in kept if key.startswith("data/")})
        assert {path.name for path in (tmp_path / name).iterdir()} == {"manifest.json", "replicates", "results.nc"}
    assert found[0]
    for other in found[1:]:
        assert found[0].keys() == other.keys()
        for key, numbers in found[0].items():
            np.testing.assert_array_equal(numbers, other[key])


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (["--ranks", "0"], "ranks is 0: give a whole number of at least 1"),
        (["--ranks", "2", "--workers", "2"], "--workers 2 computes replicates side by side"),
        (["--ranks", "2", "--executor", "loky"], "--executor loky computes replicates side by side"),
        (["--checkpoint-every", "0"], "checkpoint-every is 0: give a whole number of at least 1"),
        (["--checkpoint-every", "5", "--executor", "dask://here:1"], "the workers of dask://here:1 may not reach"),
    ],
)
def test_ranks_that_cannot_be_are_refused(where: list[str], sentence: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*SMALL, *where, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()

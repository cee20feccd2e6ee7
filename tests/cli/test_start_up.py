"""What answers without a simulation loads nothing that a simulation needs: neither torch nor Pyro nor tables."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from causal_lpm.cli.doctor import DATA_FOLDER
from causal_lpm.data import FOLDER_VARIABLE
from causal_lpm.inference import METHODS
from tests.distributions import install

ROOT = Path(__file__).parents[2]
HEAVY = {"chirho", "h5py", "matplotlib", "numpy", "pandas", "pooch", "pyarrow", "pyro", "scipy", "torch", "xarray"}
CODE = """
import sys
sys.argv = ["causal-lpm", *sys.argv[1:]]
from causal_lpm.cli import app
try:
    app()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the entry points of pyproject.toml, as where the package is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in points.items()))
    ]
    return install(tmp_path_factory.mktemp("site"), "causal-lpm", "\n".join(lines) + "\n")


def loaded(site: Path, *arguments: str, **environment: str) -> tuple[str, set[str]]:
    """What the command prints, and the packages that it loads."""
    run = subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", **environment},
    )
    return run.stdout, set(run.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--help"], "whatif"),
        (["run", "--help"], "--replicates"),
        (["--version"], "causal-lpm 0."),
        (["list"], "second-dose"),
    ],
)
def test_answers_that_need_no_simulation_load_nothing_for_one(site: Path, arguments: list[str], shown: str) -> None:
    text, packages = loaded(site, *arguments)
    assert shown in text
    assert "causal_lpm" in packages
    assert not HEAVY & packages


def test_the_list_names_every_case_study_and_what_it_has(site: Path) -> None:
    rows = {cells[0]: cells for line in loaded(site, "list")[0].splitlines() if (cells := line.strip("│ ").split())}
    assert set(rows) >= {"benchmark-tasks", "ma-counties", "nyc-first-wave", "second-dose", "toy-epidemic"}
    for name in ("nyc-first-wave", "toy-epidemic"):
        assert {"run,", "whatif,", "calibrate,"} <= set(rows[name])
    assert "whatif" in rows["second-dose"]
    assert "whatif" not in rows["ma-counties"] + rows["benchmark-tasks"]


def test_completion_loads_nothing_either(site: Path) -> None:
    words = {"COMP_WORDS": "causal-lpm wh", "COMP_CWORD": "1", "_CAUSAL_LPM_COMPLETE": "complete_bash"}
    text, packages = loaded(site, **words)
    assert "whatif" in text
    assert not HEAVY & packages


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="where there is a GPU, torch is asked for its name")
def test_the_doctor_loads_nothing_of_what_it_looks_for(site: Path) -> None:
    text, packages = loaded(site, "doctor")
    assert "torch" in text
    assert "study second-dose" in text
    assert not HEAVY & packages


def test_names_that_are_written_twice_to_load_nothing_agree(site: Path) -> None:
    assert DATA_FOLDER == FOLDER_VARIABLE
    assert "|".join(METHODS) in loaded(site, "calibrate", "--help", COLUMNS="200")[0]

"""`--executor`: the same files from every kind of workers, also where one is killed; one sentence for what is wrong."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from causal_lpm.cli.commands import app
from tests.cli.fake_killers import FOLDER, SPARED, TIMES
from tests.cli.homes import empty_home
from tests.clusters import dask_cluster, free_port, ray_cluster
from tests.distributions import install

KILLERS = "[causal_lpm.studies]\nkillers = tests.cli.fake_killers:killers\n"
LEARNING = ["--method", "npe", "--budget", "60", "--gate", "20", "--ensemble", "1", "--draws", "20"]
COMMANDS = {
    "ran": ["run", "killers", "--setting", "contact=0", "--setting", "contact=2", "--replicates", "4"],
    "asked": ["whatif", "killers", "--do", "contact=0.5", "--replicates", "4"],
    "calibrated": ["calibrate", "killers", *LEARNING],
    "predicted": ["predict", "killers", "--do", "contact=0", "--draws", "8", "--calibration", "reference/calibrated"],
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and the study installed."""
    monkeypatch.syspath_prepend(install(tmp_path / "site", "fake-killers", KILLERS))
    monkeypatch.delenv(FOLDER, raising=False)
    return empty_home(tmp_path, monkeypatch)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def here(kind: str, environment: Mapping[str, str]) -> Iterator[str]:
    yield kind


KINDS: dict[str, Callable[[Mapping[str, str]], AbstractContextManager[str]]] = {
    "loky": lambda environment: here("loky", environment),
    "dask": lambda environment: here("dask", environment),
    "dask://": dask_cluster,
    "ray": lambda environment: here("ray", environment),
    "ray://": ray_cluster,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_command_writes_the_same_files_though_a_worker_is_killed(
    kind: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind != "loky":
        pytest.importorskip("distributed" if kind.startswith("dask") else "ray")
    for name, command in COMMANDS.items():
        result = call(*command, "--no-plots", "--workers", "1", "--out", f"reference/{name}")
        assert result.exit_code in (0, 3), result.stderr
    kills = tmp_path / "kills"
    environment = {FOLDER: str(kills), SPARED: str(os.getpid())}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    workers = [] if "://" in kind else ["--workers", "2"]
    with KINDS[kind](environment) as address:
        for name, command in COMMANDS.items():
            shutil.rmtree(kills, ignore_errors=True)
            kills.mkdir()
            (kills / TIMES).write_text("1")
            result = call(*command, "--no-plots", "--executor", address, *workers, "--out", f"found/{name}")
            assert result.exit_code in (0, 3), result.stderr
            assert (kills / "0").exists()
            said = "what it ran is run again" in result.stderr
            assert said or kind == "dask://"  # whose scheduler begins it again by itself
            assert files(home / "found" / name) == files(home / "reference" / name)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--executor", "spark://here:1"], "executor is 'spark://here:1': give loky, dask, dask://host:port, ray or "),
        (["--executor", "dask://here"], "executor 'dask://here' has no port: give it as well, as in dask://here:8786."),
        (["--executor", "ray://here"], "executor 'ray://here' has no port: give it as well, as in ray://here:10001."),
        (["--executor", "dask://here:99999"], "executor 'dask://here:99999' is no address (Port out of range 0-65535)"),
        (
            ["--executor", "dask://"],
            "executor is 'dask://': give loky, dask, dask://host:port, ray or ray://host:port.",
        ),
        (
            ["--executor", "dask://here:1", "--workers", "2"],
            "--workers 2 is for processes of this machine, and the workers of dask://here:1 are there already: leave",
        ),
        (["--executor", "loky", "--workers", "0"], "workers is 0"),
    ],
)
@pytest.mark.parametrize("name", ["asked", "calibrated"])
def test_what_is_no_executor_is_one_sentence(name: str, arguments: list[str], sentence: str, home: Path) -> None:
    result = call(*COMMANDS[name], *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"causal-lpm: {sentence}"), result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(home.iterdir())


@pytest.mark.parametrize(("scheme", "library"), [("dask", "distributed"), ("ray", "ray")])
def test_where_nobody_answers_is_one_sentence_soon(scheme: str, library: str, home: Path) -> None:
    pytest.importorskip(library)
    address = f"{scheme}://127.0.0.1:{free_port()}"
    began = time.monotonic()
    result = call(*COMMANDS["asked"], "--executor", address)
    assert time.monotonic() - began < 30
    assert result.exit_code == 2
    assert result.stderr == (
        f"causal-lpm: nothing answers at {address} (connection refused): start it, or look at the address.\n"
    )
    assert not list(home.iterdir())

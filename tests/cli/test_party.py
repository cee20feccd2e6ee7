"""`causal-lpm party` and `causal-lpm dealer`: four processes, one table; one sentence for whatever is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from causal_lpm.cli.party_commands import app
from tests.parties.epidemic import files
from tests.parties.processes import free_addresses

ROOT = Path(__file__).parents[2]
STUDY = """
from causal_lpm.parties import Release, decentralize
from tests.parties.epidemic import simulation
real_sim = decentralize(
    simulation(days=4), release=Release(cases=(0, 300), sigma2=4, min_group=20), small={"stage": 3}, seed=1
)
nothing = 3
def needy(people): return people
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "our_study.py").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "our_study", raising=False)  # a command gives its object a file
    for name in ("CAUSAL_LPM_ADDRESSES", "CAUSAL_LPM_RANK", "CAUSAL_LPM_SIMULATION", "CAUSAL_LPM_TRANSPORT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.slow
def test_three_parties_and_a_dealer_release_one_table(home: Path) -> None:
    files(home, 3)
    environment = {
        **os.environ,
        "CAUSAL_LPM_ADDRESSES": free_addresses(4),
        "CAUSAL_LPM_SIMULATION": "our_study:real_sim",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(home)]),
    }

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "causal_lpm.cli", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=home, env=environment, **pipes)  # type: ignore[call-overload, no-any-return]

    processes = [begin("dealer")]
    for rank in range(3):
        own = ["--population", f"people-{rank}.parquet", "--out", f"out-{rank}", "--checkpoints", f"kept-{rank}"]
        processes.append(begin("party", "--rank", str(rank), *own))
    ends = [(*process.communicate(timeout=90), process.returncode) for process in processes]
    assert [code for *_, code in ends] == [0, 0, 0, 0], ends
    assert "requests were answered" in ends[0][0]
    tables = {out.partition("Results:")[0] for out, _, _ in ends[1:]}
    assert all("Released" in table and "cases" in table and "Privacy: epsilon" in table for table in tables)
    released = {(home / f"out-{rank}" / "released.csv").read_text() for rank in range(3)}
    assert len(released) == 1
    assert len(released.pop().splitlines()) == 1 + 2 * 4
    assert "cases,8,4,1,0.125" in (home / "out-0" / "ledger.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["party"], "there is no simulation: give package.module:object, or set CAUSAL_LPM_SIMULATION."),
        (["party", "our_study:real"], "did you mean 'real_sim'?"),
        (["party", "our_study:nothing"], "our_study:nothing is a int: name what decentralize(...) has made."),
        (["party", "our_study:real_sim", "--rank", "0"], "CAUSAL_LPM_ADDRESSES is not set"),
        (
            ["party", "our_study:real_sim", "--addresses", "127.0.0.1:1,127.0.0.1:2"],
            "there is no rank, and CAUSAL_LPM_RANK is not set",
        ),
        (["party", "our_study:needy"], "our_study:needy needs arguments: name what decentralize(...) has made"),
        (["party", "our_study:real_sim", "--rank", "x"], "--rank"),
        (
            ["party", "our_study:real_sim", "--rank", "2", "--addresses", "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3"],
            "rank 2 is the dealer's: start it with `causal-lpm dealer`.",
        ),
        (
            ["dealer", "--addresses", "127.0.0.1:1,127.0.0.1:2,10.0.0.7:3"],
            "the address 10.0.0.7:3 is not of this machine, and messages would travel unprotected",
        ),
        (["dealer"], "CAUSAL_LPM_ADDRESSES is not set"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], sentence: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_party_that_is_alone_says_who_is_missing(home: Path) -> None:
    files(home, 3)
    where = ["--rank", "0", "--addresses", free_addresses(4), "--wait", "1"]
    result = call("party", "our_study:real_sim", *where, "--population", "people-0.parquet")
    assert result.exit_code == 1
    assert "party 1 has not connected with party 0 within 1 s: see what it says" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        (["--population", "nowhere.parquet"], "causal-lpm: nowhere.parquet: no such file or directory."),
        ([], "this party has no population"),
        (["--population", "people-0.parquet", "--out", "there"], "there exists: nothing is written over"),
        (["--population", "people-0.parquet", "--heard", "people-0.parquet"], "protocol='blocks' takes none"),
    ],
)
def test_a_party_that_is_alone_says_what_is_wrong_with_itself(home: Path, own: list[str], sentence: str) -> None:
    files(home, 3)
    (home / "there").mkdir()
    where = ["--rank", "0", "--addresses", free_addresses(4), "--wait", "1"]
    result = call("party", "our_study:real_sim", *where, *own)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1

"""Parties and a dealer as real processes, which tests kill, stop and read.

They are forked off a server that has imported the package and nothing else, so that each starts in a moment.
"""

import multiprocessing
import multiprocessing.process
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from causal_lpm.parties import Disagreement, PartyLost, Patience, Place, loopback_addresses
from tests.parties.programs import dealer

QUICK = Patience(start=10.0, beat=0.1, silence=1.5)
Program = Callable[[Place, Path], None]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.parties.programs", "tests.parties.warm"])


def free_addresses(number: int) -> str:
    """So many addresses of this machine that nobody uses."""
    return ",".join(loopback_addresses(number))


@dataclass(frozen=True)
class End:
    """How a process has ended."""

    code: int | None
    out: str
    error: str
    seconds: float


@dataclass
class Run:
    """Processes by name: a rank, or another name for one too many."""

    folder: Path
    addresses: str
    patience: Patience = QUICK
    processes: dict[int | str, multiprocessing.process.BaseProcess] = field(default_factory=dict)

    def start(self, rank: int, program: Program, name: str | None = None, addresses: str | None = None) -> None:
        """One more process of this run."""
        where = {"CAUSAL_LPM_ADDRESSES": addresses or self.addresses, "CAUSAL_LPM_RANK": str(rank)}
        key = rank if name is None else name
        arguments = (program, where, self.patience, self.folder, str(key))
        self.processes[key] = _FORKS.Process(target=_live, args=arguments)  # type: ignore[attr-defined]
        self.processes[key].start()

    def send(self, rank: int, number: signal.Signals) -> None:
        """Sends a signal to a process."""
        process = self.processes[rank].pid
        assert process is not None
        os.kill(process, number)

    def wait_for(self, name: str, seconds: float = 20.0) -> None:
        """Until a process has made a file of this name."""
        until = time.monotonic() + seconds
        while not (self.folder / name).exists():
            assert time.monotonic() < until, f"{name} was not made: {self.ends(1.0)}"
            time.sleep(0.01)

    def ends(self, seconds: float = 25.0) -> dict[int | str, End]:
        """How each process has ended; one that is still there after so many seconds is killed, and has no code."""
        begin = time.monotonic()
        found = {}
        for key, process in self.processes.items():
            process.join(max(0.1, begin + seconds - time.monotonic()))
            code = process.exitcode
            if code is None:
                process.kill()
                process.join()
            out, error = ((self.folder / f"{key}.{kind}").read_text().strip() for kind in ("out", "err"))
            found[key] = End(code, out, error, time.monotonic() - begin)
        return found


def start(folder: Path, programs: Mapping[int, Program] | Program, parties: int = 3, patience: Patience = QUICK) -> Run:
    """So many parties, each with its program or all with one, and their dealer."""
    run = Run(folder, free_addresses(parties + 1), patience)
    given = programs if isinstance(programs, Mapping) else dict.fromkeys(range(parties), programs)
    for rank, program in {parties: dealer, **given}.items():
        run.start(rank, program)
    return run


def _live(program: Program, where: Mapping[str, str], patience: Patience, folder: Path, key: str) -> None:
    for stream, kind in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / f"{key}.{kind}", os.O_CREAT | os.O_WRONLY, 0o600), stream)
    os.environ.update(where)
    try:
        program(Place.from_environment(patience=patience), folder)
    except (PartyLost, Disagreement, ValueError, OSError) as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        sys.exit(1)
    except BaseException:
        traceback.print_exc()
        raise

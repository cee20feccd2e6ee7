"""All processes of a private run on one machine: to try it out before the parties run it on theirs."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["loopback_addresses", "rehearse"]

GRACE = 30.0  # seconds in which the others end when one has


def loopback_addresses(number: int) -> tuple[str, ...]:
    """So many free addresses of this machine, for the parties and, last, the dealer.

    >>> len(set(loopback_addresses(4)))
    4
    """
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    addresses = tuple(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)
    for one in sockets:
        one.close()
    return addresses


def rehearse(
    target: str,
    populations: Sequence[Path],
    outs: Sequence[Path],
    wait: float = 120.0,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Starts a process for each population and one for the dealer, and returns when all have finished.

    Args:
        target: `package.module:object`, as `causal-lpm party` takes it.
        populations: The Parquet file of each party.
        outs: A new folder for each party.
        wait: Seconds until all must have started.
        environment: Further variables of all processes.

    Raises:
        RuntimeError: a process has failed; the message has the sentences of all.
        KeyboardInterrupt: it was interrupted; all processes have been ended.
    """
    variables = {
        **os.environ,
        **(environment or {}),
        "CAUSAL_LPM_ADDRESSES": ",".join(loopback_addresses(len(populations) + 1)),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    commands = [
        ["party", target, "--rank", str(rank), "--population", str(population), "--out", str(out)]
        for rank, (population, out) in enumerate(zip(populations, outs, strict=True))
    ]
    with tempfile.TemporaryFile("w+") as said:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "causal_lpm.cli", *command, "--wait", str(round(wait))],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )
            for command in (*commands, ["dealer"])
        ]
        try:
            codes = _ends(processes)
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                process.wait()
        if any(codes):
            said.seek(0)
            sentences = dict.fromkeys(line.strip() for line in said if line.startswith("causal-lpm: "))
            what = " ".join(sentence.removeprefix("causal-lpm: ") for sentence in sentences)
            raise RuntimeError(what or f"a process of the private run has ended with the code {max(codes, key=abs)}.")


def _ends(processes: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    """The exit code of each process; where one has failed, those that are still there after a while are ended."""
    until: float | None = None
    while any(process.poll() is None for process in processes):
        if until is None and any(process.poll() for process in processes):
            until = time.monotonic() + GRACE
        if until is not None and time.monotonic() > until:
            break
        time.sleep(0.05)
    return [code if (code := process.poll()) is not None else -9 for process in processes]

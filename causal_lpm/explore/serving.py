"""Serves a page to the browsers of this machine, beside whatever else this process does."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from html import escape
from types import TracebackType
from typing import TYPE_CHECKING, Any

from causal_lpm.extras import installing
from causal_lpm.validate import whole_number

if TYPE_CHECKING:
    import uvicorn
    import xarray as xr

    from causal_lpm.explore.processes import Processes
    from causal_lpm.explore.start import Explorable
    from causal_lpm.inference.studies.study import Study

__all__ = ["Served", "serve"]

LOOPBACK = "127.0.0.1"  # no other machine can reach it
PROCESSES = 2


class Served:
    """A page that is served until it is stopped.

    Attributes:
        url: Its address, for a browser of this machine.
    """

    def __init__(self, url: str, server: uvicorn.Server, thread: threading.Thread, processes: Processes) -> None:
        self.url = url
        self._server = server
        self._thread = thread
        self._processes = processes

    def wait(self) -> None:
        """Returns when the page is stopped, or raises what interrupts the waiting."""
        while self._thread.is_alive():
            self._thread.join(timeout=0.5)

    def stop(self) -> None:
        """Ends the page and its processes."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._processes.stop()

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Served({self.url!r})"

    def _repr_html_(self) -> str:
        url = escape(self.url)
        return f'<a href="{url}" target="_blank" rel="noopener">{url}</a>'


def serve(
    thing: Explorable | Study | xr.DataTree | str | os.PathLike[str],
    *,
    port: int | None = None,
    agents: int | None = None,
    days: int | None = None,
    replicates: int | None = None,
    seed: int | None = None,
    extra: Mapping[str, str | float] | None = None,
    workers: int = PROCESSES,
) -> Served:
    """Serves a page on this machine's loopback address, in which policies are moved and both worlds simulated again.

    It returns at once; the page is there until `stop()`, or the end of the process.

    Args:
        thing: A simulation or anything else with `study()`; a study, or its name in `causal-lpm list`; or a result of a
            study, or where it was saved.
        port: Of the address; a free one, if not given.
        agents: What the field for agents says at first, and so on: as of the result or the study, unless told
            otherwise.
        days: Days.
        replicates: Replicates.
        seed: Of all luck.
        extra: What a study is told beside these.
        workers: Processes that simulate for all visitors.

    Raises:
        ModuleNotFoundError: the extra `pages` is not installed.
        ValueError: an unknown study, one without worlds, a port that is none or taken.
        FileNotFoundError: there is no result at the path.

    >>> page = serve("second-dose")  # doctest: +SKIP
    >>> page.url  # doctest: +SKIP
    'http://127.0.0.1:40123/'
    >>> page.stop()  # doctest: +SKIP
    """
    _check_installed()
    from causal_lpm.explore.app import app_of
    from causal_lpm.explore.guard import guarded
    from causal_lpm.explore.processes import Processes
    from causal_lpm.explore.start import begin

    start = begin(thing, agents=agents, days=days, replicates=replicates, seed=seed, extra=extra)
    workers = whole_number("workers", workers)
    listening = _listening(port)
    number = int(listening.getsockname()[1])
    try:
        processes = Processes(start.study, workers)
    except ValueError:
        listening.close()
        raise
    import uvicorn

    app: Any = guarded(app_of(start, processes), number)
    config = uvicorn.Config(app, log_level="error", ws="websockets-sansio", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="causal-lpm page", daemon=True)
    thread.start()
    return Served(f"http://{LOOPBACK}:{number}/", server, thread, processes)


def _listening(port: int | None) -> socket.socket:
    """A socket that already listens, so that the first browser is not refused."""
    wanted = 0 if port is None else whole_number("port", port, low=1, high=65_535)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, wanted))
    except OSError as error:
        listening.close()
        raise ValueError(
            f"port {wanted} cannot be used ({(error.strerror or 'taken').lower()}): give another."
        ) from error
    listening.listen()
    return listening


def _check_installed() -> None:
    from causal_lpm.reports.javascript import check_installed

    check_installed()
    try:
        import shiny
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"a page needs shiny: install the extra 'pages', {installing('pages')}.") from error
    del shiny

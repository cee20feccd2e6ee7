"""Pyro's stack of handlers belongs to the process: a second thread would be answered by the first one's handlers."""

import threading
from typing import Any

from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import _PYRO_STACK

__all__ = ["OneThread"]


class OneThread(Messenger):
    """A handler that serves the thread that entered it, and refuses all others by name.

    Raises:
        ValueError: entered, or asked, while another thread's handlers are in force.
    """

    _thread: int | None = None

    def __enter__(self) -> Any:
        # Before it is on the stack: a thread that is refused leaves the other one's handlers as they are.
        for handler in _PYRO_STACK:
            if isinstance(handler, OneThread):
                handler.refuse_other_threads()
        self._thread = threading.get_ident()
        return super().__enter__()

    def refuse_other_threads(self) -> None:
        """Raises ValueError unless the running thread is the one that entered this handler."""
        if self._thread not in (None, threading.get_ident()):
            raise ValueError(
                "two threads simulate at the same time: Pyro's stack of handlers belongs to the process, so that one "
                "would be answered by the handlers of the other; run simulations one after the other, or in processes."
            )

    def serve_this_thread(self) -> None:
        """Moves a handler that is on no stack to the running thread: a backward pass may run in one of its own."""
        self._thread = threading.get_ident()

    def _process_message(self, msg: Any) -> None:
        self.refuse_other_threads()
        super()._process_message(msg)

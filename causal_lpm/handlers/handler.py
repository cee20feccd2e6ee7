"""What all handlers here have in common: they begin anew when entered, serve one thread, and can be copied.

Pyro's stack of handlers belongs to the process: a second thread would be answered by the first one's handlers.
"""

import copy
import threading
from typing import Any, ClassVar, Self

from pyro.poutine.messenger import Messenger

from causal_lpm.ops.pyro_stack import by_methods_alone, handlers_in_force, look_again

__all__ = ["Handler"]


class Handler(Messenger):
    """A handler that serves the thread that entered it, and refuses all others.

    Attributes:
        recorder: Whether it only remembers what happened: it has seen it already when days are computed again.
        one_process: Whether it needs all agents and all days of a simulation in one process.

    Raises:
        ValueError: entered, or asked, while another thread's handlers are in force.
    """

    recorder: ClassVar[bool] = False
    one_process: ClassVar[bool] = False
    _thread: int | None = None

    def __enter__(self) -> Any:
        # Checked before it is on the stack: a refused thread leaves the other one's handlers as they are.
        for handler in handlers_in_force():
            if isinstance(handler, Handler):
                handler.refuse_other_threads()
        look_again()
        entered = super().__enter__()
        self._thread = threading.get_ident()
        self._begin_anew()
        return entered

    def _begin_anew(self) -> None:
        """Forgets what was remembered before it was entered."""

    def twin(self) -> Self:
        """A copy as it is now, with a memory of its own, under which days are computed again later."""
        return copy.copy(self)

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

    @by_methods_alone
    def _process_message(self, msg: Any) -> None:
        self.refuse_other_threads()
        super()._process_message(msg)

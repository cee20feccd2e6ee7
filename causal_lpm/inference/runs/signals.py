"""Another answer to a signal, for a while."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["answering"]


@contextmanager
def answering(number: signal.Signals, handler: Any) -> Iterator[None]:
    """Answers a signal with `handler` while the context lasts; does nothing outside the main thread, which may not."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)

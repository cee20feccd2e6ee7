"""What ends a run, or a task of it."""

from concurrent.futures import BrokenExecutor

__all__ = ["LostWorker", "RunError"]


class RunError(RuntimeError):
    """A run stopped; the message says why and how to go on, and what is finished is kept where there is a folder."""


class LostWorker(BrokenExecutor):
    """A worker ended while it had the task, which another worker may well finish.

    Args:
        message: One sentence without its point.
        deaths: Of workers, one after the other, as far as is known.
    """

    def __init__(self, message: str, deaths: int = 1) -> None:
        super().__init__(message)
        self.deaths = deaths

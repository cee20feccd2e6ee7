"""Processes that simulate for all visitors of a page: so many and no more, each for one replicate at a time.

What a visitor has cancelled is not waited for: a replicate that goes on for longer ends with its process, and a fresh
one takes its place. A process that dies, for want of memory for example, takes no other visitor's numbers with it.
"""

import asyncio
import functools
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor
from functools import partial

import numpy as np

from causal_lpm.explore.question import Question
from causal_lpm.inference.runs.loky_workers import own_process, stop_processes
from causal_lpm.inference.runs.run_folder import Arrays
from causal_lpm.inference.runs.runner import RunError, alone, pickled
from causal_lpm.inference.studies.experiment import one_replicate
from causal_lpm.inference.studies.study import Options, Study, Worlds

__all__ = ["Processes"]

PATIENCE = 2.0  # seconds for a cancelled replicate to end by itself

Progress = Callable[[int, int], None]


class Processes:
    """A bounded number of processes, which begin at once.

    Args:
        study: What they simulate; it is sent to them by value.
        count: How many.
    """

    def __init__(self, study: Study, count: int) -> None:
        self.count = count
        self._study = pickled(study, f"study {study.name!r}")
        self._free: asyncio.Queue[Executor | None] = asyncio.Queue()
        self._begun: set[Executor] = set()
        self._waiting: set[asyncio.Future[None]] = set()  # the loop alone holds tasks by weak references
        for _ in range(count):
            self._free.put_nowait(self._begin())

    async def run(self, question: Question, progress: Progress) -> list[Arrays]:
        """All replicates in order; `progress` is called with (finished, all).

        Raises:
            RunError: a replicate failed, or its process was killed.
            asyncio.CancelledError: the task was cancelled; what runs for it ends soon.
        """
        found: dict[int, Arrays] = {}
        numbers = iter(range(question.replicates))

        async def take_turns() -> None:
            # The next number is taken when there is a process for it, so that visitors alternate.
            for number in numbers:
                found[number] = await self._one(question, number)
                progress(len(found), question.replicates)

        progress(0, question.replicates)
        turns = [asyncio.ensure_future(take_turns()) for _ in range(min(self.count, question.replicates))]
        try:
            await asyncio.gather(*turns)
        finally:
            for turn in turns:
                turn.cancel()
        return [found[number] for number in range(question.replicates)]

    async def _one(self, question: Question, number: int) -> Arrays:
        process = await self._free.get()
        try:
            process = process or self._begin()
            given = (question.worlds, question.options, question.seed, number)
            future = asyncio.wrap_future(process.submit(partial(_simulate, self._study, *given)))
        except BaseException:
            self._free.put_nowait(None)
            raise
        try:
            arrays: Arrays = await asyncio.shield(future)
        except asyncio.CancelledError:
            self._later(process, future)
            raise
        except BrokenExecutor as error:
            self._replace(process)
            raise RunError("a worker process was killed (out of memory?): ask for fewer agents or worlds.") from error
        except BaseException:
            self._free.put_nowait(process)
            raise
        self._free.put_nowait(process)
        return arrays

    def _later(self, process: Executor, future: "asyncio.Future[Arrays]") -> None:
        """Gives a process back that still works for nobody: soon, or another one in its place."""

        async def wait() -> None:
            done, _ = await asyncio.wait([future], timeout=PATIENCE)
            if done and not isinstance(future.exception(), BrokenExecutor):
                self._free.put_nowait(process)
            else:
                future.add_done_callback(lambda late: late.cancelled() or late.exception())
                self._replace(process)

        waiting = asyncio.ensure_future(wait())
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    def _begin(self) -> Executor:
        process = own_process()
        self._begun.add(process)
        process.submit(_unpickled, self._study)  # imports what it needs before anybody waits for it
        return process

    def _replace(self, process: Executor) -> None:
        self._begun.discard(process)
        threading.Thread(target=stop_processes, args=(process,), daemon=True).start()
        self._free.put_nowait(None)

    def stop(self) -> None:
        """Ends all of them, whatever they are doing."""
        for process in self._begun:
            stop_processes(process)
        self._begun.clear()


@functools.lru_cache(maxsize=1)
def _unpickled(study: bytes) -> Study:
    """The study, made once in a process: what it has prepared, such as a population, serves the next replicate."""
    found: Study = pickle.loads(study)
    return found


def _simulate(study: bytes, worlds: Worlds, options: Options, seed: int, number: int) -> Arrays:
    with alone(1):
        found = one_replicate(_unpickled(study), worlds, options, seed, number)
    return {name: np.asarray(values) for name, values in found.items()}

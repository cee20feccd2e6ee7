"""The page as a program of Shiny: each visitor has a simulation of their own, in processes that all share."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shiny import App, Inputs, Outputs, Session, reactive, render, ui

from causal_lpm.explore import controls
from causal_lpm.explore.answer import Answer, answer, csv
from causal_lpm.explore.layout import layout
from causal_lpm.explore.processes import Processes
from causal_lpm.explore.question import Question, asked
from causal_lpm.explore.start import Start
from causal_lpm.inference.results import tree_files
from causal_lpm.inference.runs.runner import RunError
from causal_lpm.reports.writing import write_report

__all__ = ["app_of"]


def app_of(start: Start, processes: Processes) -> App:
    """The program of a page."""

    def server(input: Inputs, output: Outputs, session: Session) -> None:
        given: reactive.Value[Answer | None] = reactive.Value(None)

        def before() -> Answer | None:
            with reactive.isolate():
                return given()

        async def state(text: str, *, busy: bool = False, done: int = 0, all: int = 0, error: str = "") -> None:
            message = {"text": text, "busy": busy, "done": done, "all": all, "error": error}
            await session.send_custom_message("state", message)

        @reactive.extended_task
        async def simulation(question: Question) -> Answer:
            words = "replicates are simulated"
            telling: set[asyncio.Future[None]] = set()

            def progress(done: int, all: int) -> None:
                last = " The answer is put together." if done == all else ""
                said = state(f"{done} of {all} {words}.{last}", busy=True, done=done, all=all)
                telling.add(told := asyncio.ensure_future(said))
                told.add_done_callback(telling.discard)

            replicates = await processes.run(question, progress)
            return await asyncio.to_thread(answer, question, replicates)

        @reactive.effect
        @reactive.event(input.simulate)
        async def _begin() -> None:
            try:
                question = asked(start, _policies(start, input), _numbers(input))
                question.check(processes.count)
            except ValueError as error:
                await state("Nothing was simulated.", error=str(error))
                return
            await state("Waiting for a free process.", busy=True)
            simulation(question)

        @reactive.effect
        @reactive.event(input.cancel)
        def _cancel() -> None:
            simulation.cancel()

        @reactive.effect
        async def _end() -> None:
            status = simulation.status()
            if status == "cancelled":
                await state("Cancelled. The numbers below are those of before." if before() else "Cancelled.")
            elif status == "error":
                try:
                    simulation.result()
                except (RunError, ValueError) as error:
                    await state("The simulation failed.", error=str(error))
            elif status == "success":
                found = simulation.result()
                given.set(found)
                await state(_done(found.question))
                await session.send_custom_message("charts", found.drawings())  # type: ignore[arg-type]

        @render.ui
        def shown() -> Any:
            found = given()
            return None if found is None else ui.TagList(_downloads(), ui.HTML(found.body()))

        @render.download_link(filename="numbers.csv")
        def numbers_csv() -> Iterator[str]:
            yield csv(_answer().tree)

        @render.download_link(filename="results.nc")
        def results_nc() -> Iterator[bytes]:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "results.nc"
                tree_files.write(_answer().tree, file)
                yield file.read_bytes()

        @render.download_link(filename="report.html")
        async def report_html() -> Any:
            with tempfile.TemporaryDirectory() as folder:
                file = await asyncio.to_thread(write_report, _answer().contents, Path(folder) / "report.html")
                yield file.read_bytes()

        def _answer() -> Answer:
            found = before()
            assert found is not None, "there is nothing to take along before there is an answer"
            return found

        session.on_ended(simulation.cancel)

    return App(layout(start), server)


def _policies(start: Start, input: Inputs) -> dict[str, Any]:
    """What the controls say; a switch as 0 or 1."""
    found = {name: input[controls.policy_id(number)]() for number, name in enumerate(start.study.policies)}
    return {name: float(value) if isinstance(value, bool) else value for name, value in found.items()}


def _numbers(input: Inputs) -> dict[str, Any]:
    """Those of which there is a control; a field gives 5 or 5.0."""
    found = {name: input[name]() for name in controls.NUMBERS if name in input}
    return {name: int(x) if isinstance(x, float) and x.is_integer() else x for name, x in found.items()}


def _done(question: Question) -> str:
    count = question.replicates
    alone = "" if question.differs else " Nothing differs from the world that is compared with: there is one world."
    return f"{count} replicate{'s' * (count != 1)} of {question.options.agents:,} agents.{alone}"


def _downloads() -> Any:
    return ui.tags.p(
        ui.download_link("numbers_csv", "Numbers (CSV)"),
        ui.download_link("results_nc", "Result (NetCDF)"),
        ui.download_link("report_html", "Report (HTML)"),
        class_="downloads",
    )

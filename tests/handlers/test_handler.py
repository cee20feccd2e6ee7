"""What all handlers have in common: a second thread is refused and the first one goes on; entry, recorders, twins."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest
import torch

import causal_lpm
from causal_lpm import Checkpointing, DiscreteTime, KeyedNoise, Worlds, event, rollout
from causal_lpm.handlers.handler import Handler
from causal_lpm.typing import State


def in_a_thread(work: Callable[[], object]) -> list[Exception]:
    """What `work` raised in a thread of its own."""
    raised: list[Exception] = []

    def run() -> None:
        try:
            work()
        except ValueError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised


def epidemic(meanwhile: Callable[[], object] = lambda: None) -> torch.Tensor:
    def day(s: State) -> State:
        meanwhile()
        return {"x": s["x"] + event("e", torch.full((50,), 0.3))}

    with KeyedNoise(1):
        return rollout(day, {"x": torch.zeros(50)}, 3).state["x"]


def entered(handler: Callable[[], object]) -> None:
    with handler():  # type: ignore[attr-defined]
        pass


def test_a_simulation_in_a_second_thread_is_refused_and_the_first_one_goes_on() -> None:
    right, refused = epidemic(), []
    seconds: list[Callable[[], object]] = [
        epidemic,
        lambda: entered(lambda: KeyedNoise(2)),
        lambda: entered(Worlds),
        lambda: entered(DiscreteTime),
        lambda: rollout(lambda s: s, {"x": torch.zeros(2)}, 2),
    ]

    def meanwhile() -> None:
        for work in seconds:
            refused.extend(in_a_thread(work))

    assert torch.equal(epidemic(meanwhile), right)
    assert len(refused) == 3 * len(seconds)
    assert all("two threads simulate at the same time" in str(error) for error in refused)


def test_threads_one_after_the_other() -> None:
    right = epidemic()
    found: list[torch.Tensor] = []
    for _ in range(2):
        assert in_a_thread(lambda: found.append(epidemic())) == []
    assert all(torch.equal(x, right) for x in found)


def test_one_module_reads_the_private_stack_of_pyro() -> None:
    package = Path(causal_lpm.__file__).parent
    readers = [str(path.relative_to(package)) for path in package.rglob("*.py") if "_PYRO_STACK" in path.read_text()]
    assert readers == ["ops/pyro_stack.py"]


class Counts(Handler):
    """Counts steps since it was entered."""

    def _begin_anew(self) -> None:
        self.steps = 0

    def _pyro_step(self, msg: Any) -> None:
        self.steps += 1


class Records(Counts):
    recorder = True


def test_a_handler_begins_anew_when_it_is_entered() -> None:
    counts = Counts()
    for _ in range(2):
        with counts:
            epidemic()
        assert counts.steps == 3
    with counts:
        epidemic()
        with pytest.raises(ValueError, match="cannot install a Messenger instance twice"):
            counts.__enter__()
    assert counts.steps == 3, "it was not entered again"


@pytest.mark.parametrize("kind", [Counts, Records])
def test_recorders_see_no_day_again_and_others_have_a_twin_that_does(kind: type[Counts]) -> None:
    twins: list[Counts] = []

    class Watched(kind):  # type: ignore[misc, valid-type]
        def twin(self) -> Self:
            twins.append(super().twin())
            return twins[-1]

    x = torch.tensor([0.5], requires_grad=True)
    with Watched() as counts, Checkpointing(steps=2):
        last = rollout(lambda s: {"x": s["x"] * s["x"]}, {"x": x}, 4).state["x"]
    last.sum().backward()
    assert counts.steps == 4
    # A twin a block, and one of it when its days are computed again.
    assert [twin.steps for twin in twins] == ([] if kind is Records else [0, 2, 4, 2])

"""A second thread is refused by name, and the first one goes on."""

import threading
from collections.abc import Callable

import torch

from causal_lpm import DiscreteTime, KeyedNoise, Worlds, event, rollout
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

"""Steps on little memory have one thread of torch: which operations keep more, and what is left in force after it."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode

from causal_lpm import rollout
from causal_lpm.kernels import one_thread
from causal_lpm.kernels.cpu_threads import threads_for
from causal_lpm.kernels.one_thread import PRODUCTS, WORTH_THREADS, AllThreads, OneThread
from tests.kernels.with_threads import threads

pytest.importorskip("numba")
pytestmark = pytest.mark.skipif(one_thread._set() is None, reason="torch does not go by OpenMP's number of threads")

AGENTS = 40_000
MANY = 3


@pytest.fixture(autouse=True)
def several() -> Iterator[None]:
    with threads(MANY):
        yield


def seen_in_steps(state: dict[str, torch.Tensor], look: Any = torch.get_num_threads) -> list[Any]:
    seen = []

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        seen.append(look())
        return {name: s[name] for name in state}

    rollout(day, state, 2)
    return seen


def test_a_step_on_little_memory_has_one_thread_and_one_on_much_has_all() -> None:
    assert seen_in_steps({"x": torch.zeros(AGENTS)}) == [1, 1]
    assert seen_in_steps({"x": torch.zeros(10)}) == [MANY, MANY]  # torch itself takes one for so few
    assert seen_in_steps({"x": torch.zeros(WORTH_THREADS // 4)}) == [MANY, MANY]
    assert seen_in_steps({"x": torch.zeros(WORTH_THREADS // 4, dtype=torch.uint8)}) == [1, 1]
    assert torch.get_num_threads() == MANY


def test_loops_are_shared_out_as_ever() -> None:
    assert seen_in_steps({"x": torch.zeros(AGENTS)}, lambda: threads_for(100, 1 << 30)) == [MANY, MANY]


def used_by(operation: Any) -> int:
    """Threads of torch inside of an operation that a step calls."""
    seen = []

    class Table(torch.Tensor):
        """Hears what torch is asked to do for it, inside of the mode of the step."""

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(torch.get_num_threads())
            return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]

    seen_in_steps({"x": torch.zeros(AGENTS)}, lambda: operation(torch.ones(4, 4).as_subclass(Table)))
    return max(seen)


def test_products_of_matrices_keep_all_threads() -> None:
    plain = torch.ones(4, 4)
    for product in (
        lambda x: x @ plain,
        lambda x: x.mv(plain[0]),
        lambda x: torch.einsum("ij,jk", x, plain),
        lambda x: torch.nn.functional.linear(x, plain),
        lambda x: torch.linalg.solve(x + torch.eye(4), plain),
    ):
        assert used_by(product) == MANY
    for elementwise in (lambda x: x + plain, lambda x: x.exp(), lambda x: x.sum(-1)):
        assert used_by(elementwise) == 1


def test_networks_of_neurons_are_products() -> None:
    heard = []

    class Heard(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            heard.append(func)
            return func(*args, **(kwargs or {}))

    x = torch.ones(2, 8)
    nets = torch.nn.Linear(8, 8), torch.nn.LSTM(8, 8), torch.nn.GRU(8, 8), torch.nn.Conv1d(2, 2, 3)
    for net in nets:
        heard.clear()
        with Heard():
            net(x)
        assert not PRODUCTS.isdisjoint(heard), net


@given(st.lists(st.sampled_from(["one", "all", "fail", "set"]), max_size=8), st.integers(2, 5))
def test_the_number_is_what_it_was_however_blocks_end(blocks: list[str], before: int) -> None:
    def enter(rest: list[str]) -> None:
        if not rest:
            return
        if rest[0] == "fail":
            raise ArithmeticError
        if rest[0] == "set":  # to what it is
            torch.set_num_threads(torch.get_num_threads())
            enter(rest[1:])
            return
        with OneThread() if rest[0] == "one" else AllThreads():
            inside = 1 if rest[0] == "one" else before
            assert (torch.get_num_threads(), one_thread.threads()) == (inside, before)
            enter(rest[1:])
            assert (torch.get_num_threads(), one_thread.threads()) == (inside, before)

    torch.set_num_threads(before)
    try:
        enter(blocks)
    except ArithmeticError:
        assert "fail" in blocks
    assert torch.get_num_threads() == before
    torch.set_num_threads(MANY)


def test_a_step_that_fails_leaves_the_number() -> None:
    with pytest.raises(ArithmeticError):
        seen_in_steps({"x": torch.zeros(AGENTS)}, lambda: [][0] if torch.get_num_threads() > 1 else divmod(1, 0))
    assert torch.get_num_threads() == MANY


def test_a_number_that_a_step_sets_stays() -> None:
    seen = seen_in_steps({"x": torch.zeros(AGENTS)}, lambda: torch.set_num_threads(MANY + 1))
    assert (len(seen), torch.get_num_threads()) == (2, MANY + 1)
    torch.set_num_threads(MANY)


def test_other_threads_see_nothing_of_it() -> None:
    def elsewhere() -> list[int]:
        found: list[int] = []
        new = threading.Thread(target=lambda: found.append(torch.get_num_threads()))  # it meets torch here first
        new.start()
        new.join()
        return found

    assert seen_in_steps({"x": torch.zeros(AGENTS)}, elsewhere) == [[MANY], [MANY]]


def test_two_threads_in_steps_at_once_leave_each_their_own_number() -> None:
    numbers: dict[int, list[int]] = {}
    both = threading.Barrier(2)

    def run(mine: int) -> None:
        torch.get_num_threads()  # a thread takes torch's number when it first asks
        both.wait()
        torch.set_num_threads(mine)
        both.wait()
        found = [torch.get_num_threads()]
        for _ in range(100):
            with OneThread():
                both.wait()
                found.append(torch.get_num_threads())
        numbers[mine] = [found[0], *set(found[1:]), torch.get_num_threads()]

    others = [threading.Thread(target=run, args=(number,)) for number in (2, 4)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert numbers == {2: [2, 1, 2], 4: [4, 1, 4]}
    torch.set_num_threads(MANY)


def test_numbers_do_not_depend_on_it() -> None:
    noise = torch.rand(AGENTS, generator=torch.Generator().manual_seed(1))

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"x": noise + 0.5 * s["x"].exp() / s["x"].sum()}  # a sum of floats, whose order depends on the threads

    with threads(1):
        alone = rollout(day, {"x": noise}, 5).state["x"]
    assert torch.equal(rollout(day, {"x": noise}, 5).state["x"], alone)

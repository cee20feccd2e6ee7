"""The law: after an exception in any step, which the caller catches, a simulation equals one in a fresh process."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyro
import pytest
import torch
from chirho.dynamical.handlers import DynamicIntervention, StaticIntervention, StaticObservation
from chirho.dynamical.ops import on
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import _PYRO_STACK

from causal_lpm import KeyedNoise, Seeds
from causal_lpm.typing import State
from tests.contracts.blocks import DAYS, EXACT, GRADIENTS, SEEDS, Block, Told, unlike
from tests.contracts.blocks import allowed as may_stand
from tests.contracts.models import FLU, MODELS, Model

ROOT = Path(__file__).parent.parent.parent
PLACES = ("begin", "event", "exposure", "tally", "end")
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)


class Broken(Exception):
    pass


class Breaks(Messenger):
    """Raises in one step of whatever is simulated: before it, in an operation of it, or when it is done."""

    def __init__(self, step: int, place: str) -> None:
        super().__init__()
        self.step, self.place, self.number = step, place, -1

    def _pyro_step(self, msg: Any) -> None:
        self.number = msg["args"][2]
        dynamics: Callable[[State], State] = msg["args"][0]

        def broken(state: State) -> State:
            self._break("begin")
            new = dynamics(state)
            self._break("end")
            return new

        msg["args"] = (broken, *msg["args"][1:])

    def _break(self, place: str) -> None:
        if (self.number, self.place) == (self.step, place):
            raise Broken

    def _pyro_event(self, msg: Any) -> None:
        self._break("event")

    def _pyro_exposure(self, msg: Any) -> None:
        self._break("exposure")

    def _pyro_post_tally(self, msg: Any) -> None:
        self._break("tally")


def fresh(names: list[str], model: Model) -> Told:
    """One simulation in handlers of its own."""
    block = Block(names, model)
    with block():
        return block.told(SEEDS[1])


def in_a_fresh_process(path: Path) -> None:
    """What simulations in each handler alone tell; run in a process of its own."""
    told = {(name, model.name): fresh([name], model) for name in EXACT for model in MODELS}
    told |= {(name, "flu"): fresh([name], FLU) for name in GRADIENTS}
    torch.save(told, path)


@pytest.fixture(scope="module")
def in_another_process(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Told]:
    path = tmp_path_factory.mktemp("fresh") / "told.pt"
    code = f"""
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.contracts.test_after_an_exception import in_a_fresh_process
in_a_fresh_process(Path({str(path)!r}))
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, cwd=ROOT)
    told: dict[tuple[str, str], Told] = torch.load(path)
    return told


@pytest.fixture(autouse=True)
def stack_as_found() -> Iterator[None]:
    yield
    assert _PYRO_STACK == []


def after_a_failure(names: list[str], model: Model, broken: Any, outside: bool) -> Told:
    """A simulation that fails, caught inside the block or outside of it, and then one that works."""
    block = Block(names, model)
    if outside:
        with pytest.raises(Broken), block(), broken:
            block.told(SEEDS[0])
    with block():
        if not outside:
            with pytest.raises(Broken), broken:
                block.told(SEEDS[0])
        return block.told(SEEDS[1])


@pytest.mark.parametrize("outside", [False, True], ids=["caught inside", "caught outside"])
@pytest.mark.parametrize("name", [*EXACT, *sorted(GRADIENTS)])
def test_one_handler_after_a_failing_step(
    in_another_process: dict[tuple[str, str], Told], name: str, outside: bool
) -> None:
    for model in [FLU] if name in GRADIENTS else MODELS:
        told = after_a_failure([name], model, Breaks(DAYS // 2, "event"), outside)
        assert unlike(told, in_another_process[name, model.name]) == [], model.name


@settings(max_examples=20)
@given(
    model=st.sampled_from(MODELS),
    names=st.lists(st.sampled_from(EXACT), min_size=1, max_size=4, unique=True),
    step=st.integers(0, DAYS - 1),
    place=st.sampled_from(PLACES),
    outside=st.booleans(),
)
def test_several_handlers_after_a_failure_anywhere(
    model: Model, names: list[str], step: int, place: str, outside: bool
) -> None:
    assume(may_stand(names) and not (place == "exposure" and model.name == "clinic"))
    expected = fresh(names, model)
    assert unlike(after_a_failure(names, model, Breaks(step, place), outside), expected) == []


@each_model
@pytest.mark.parametrize("noise", [KeyedNoise(7), Seeds("luck")], ids=["keyed", "seeds"])
@pytest.mark.parametrize("place", PLACES)
def test_noise_after_a_failing_step(model: Model, noise: KeyedNoise, place: str) -> None:
    """Its names may be used again: what failed has not used them."""
    if place == "exposure" and model.name == "clinic":
        place = "tally"
    pyro.set_rng_seed(0)
    with noise:
        expected = model.simulate(DAYS)
    pyro.set_rng_seed(0)
    with noise:
        with pytest.raises(Broken), Breaks(2, place):
            model.simulate(DAYS)
        run = model.simulate(DAYS)
    assert unlike(run.state | run.tallies, expected.state | expected.tallies) == []


def _breaks(*_: Any) -> Any:
    raise Broken


FUNCTIONS = {
    "state function": lambda: StaticIntervention(torch.tensor(2.0), _breaks),
    "event function": lambda: DynamicIntervention(_breaks, {}),
    "condition": lambda: on(_breaks, lambda dynamics, state: (dynamics, state)),
    "callback": lambda: on(lambda state: torch.tensor(True), _breaks),
    "observation": lambda: StaticObservation(torch.tensor(2.0), _breaks),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", EXACT)
def test_one_handler_after_a_failing_function_of_the_user(
    in_another_process: dict[tuple[str, str], Told], name: str, function: str
) -> None:
    told = after_a_failure([name], FLU, FUNCTIONS[function](), outside=False)
    assert unlike(told, in_another_process[name, "flu"]) == []

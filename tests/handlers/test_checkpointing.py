"""Checkpointing: the same gradients from fewer stored tensors, whatever happened to the handlers meanwhile."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pyro
import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention
from torch.autograd.graph import saved_tensors_hooks

from causal_lpm import (
    Checkpointing,
    DiscreteTime,
    KeyedNoise,
    MeanField,
    Recording,
    Seeds,
    StraightThrough,
    Worlds,
    event,
    exogenous,
    rollout,
    tally,
)
from causal_lpm.typing import State
from tests.handlers.test_gradients import AGENTS, BETA, NETWORKS, day, start

ROOT = Path(__file__).parents[2]


def gradient(
    *handlers: contextlib.AbstractContextManager[object], network: str = "graph", days: int = 10
) -> tuple[torch.Tensor, torch.Tensor]:
    """Infections, and d infections / d theta with beta = exp(theta), from outside of all handlers."""
    theta = torch.tensor([BETA]).log().requires_grad_()
    with contextlib.ExitStack() as stack:
        for handler in handlers:
            stack.enter_context(handler)
        series = rollout(lambda s: day(s, network), start(theta.exp()), days).tallies["infections"]
    return series.detach(), torch.autograd.grad((series * torch.arange(days)).sum(), theta)[0]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("steps", [None, 1, 3, 100])
@pytest.mark.parametrize("handler", [StraightThrough, MeanField])
def test_gradients_are_the_same(network: str, steps: int | None, handler: type[StraightThrough]) -> None:
    series, expected = gradient(KeyedNoise(5), handler(), network=network)
    for around in ((Checkpointing(steps), KeyedNoise(5), handler()), (handler(), KeyedNoise(5), Checkpointing(steps))):
        again, got = gradient(*around, network=network)
        assert torch.equal(again, series)
        assert torch.equal(got, expected)


def test_parameters_in_a_closure() -> None:
    def run(*handlers: contextlib.AbstractContextManager[object]) -> torch.Tensor:
        beta = torch.tensor([BETA], requires_grad=True)

        def dynamics(s: State) -> State:
            infected = s["S"] * event("infection", beta.expand(AGENTS))
            tally("n", infected)
            return {"S": s["S"] - infected}

        with contextlib.ExitStack() as stack:
            for handler in (*handlers, StraightThrough(), KeyedNoise(1)):
                stack.enter_context(handler)
            rollout(dynamics, {"S": torch.ones(AGENTS)}, 9).tallies["n"].sum().backward()
        assert beta.grad is not None
        return beta.grad

    assert torch.equal(run(), run(Checkpointing()))


def test_handlers_that_are_used_again_before_the_backward_pass() -> None:
    noise, theta = Seeds(), torch.tensor([BETA], requires_grad=True)

    def simulated(*handlers: contextlib.AbstractContextManager[object]) -> torch.Tensor:
        pyro.set_rng_seed(1)
        with contextlib.ExitStack() as stack:
            for handler in (*handlers, noise, StraightThrough()):
                stack.enter_context(handler)
            return rollout(day, start(theta), 8).tallies["infections"].sum()

    (expected,) = torch.autograd.grad(simulated(), theta)
    first = simulated(Checkpointing())
    pyro.set_rng_seed(2)
    with noise:
        exogenous("other", 3)
    assert torch.equal(torch.autograd.grad(first, theta)[0], expected)


def test_noise_of_torch_is_drawn_again() -> None:
    def run(*handlers: contextlib.AbstractContextManager[object]) -> tuple[torch.Tensor, torch.Tensor]:
        pyro.set_rng_seed(3)
        result = gradient(*handlers, StraightThrough(), days=7)
        return (*result, torch.rand(1))

    assert all(torch.equal(a, b) for a, b in zip(run(), run(Checkpointing()), strict=True))


def test_interventions_worlds_and_a_solver_of_ones_own() -> None:
    def run(*handlers: contextlib.AbstractContextManager[object]) -> tuple[torch.Tensor, torch.Tensor]:
        return gradient(
            *handlers,
            Worlds(replicates=2),
            KeyedNoise(torch.tensor([[1], [2]])),
            StraightThrough(),
            DiscreteTime(),
            StaticIntervention(torch.tensor(4.0), {"beta": torch.tensor([0.3])}),
        )

    assert run()[0].shape == (2, 2, 1, 10)
    assert all(torch.equal(a, b) for a, b in zip(run(), run(Checkpointing()), strict=True))


def test_steps_of_half_a_day() -> None:
    handlers = KeyedNoise(2), StraightThrough()
    for steps in (2, 3):
        results = [gradient_of_half_days(*around) for around in (handlers, (Checkpointing(steps), *handlers))]
        assert torch.equal(*results)


def gradient_of_half_days(*handlers: contextlib.AbstractContextManager[object]) -> torch.Tensor:
    beta = torch.tensor([BETA], requires_grad=True)
    with contextlib.ExitStack() as stack:
        for handler in (*handlers, DiscreteTime(0.5)):
            stack.enter_context(handler)
        rollout(day, start(beta), 5).tallies["infections"].sum().backward()
    assert beta.grad is not None
    return beta.grad


def test_recorders_see_every_step_once() -> None:
    theta = torch.tensor([BETA], requires_grad=True)
    with Checkpointing(), KeyedNoise(1), StraightThrough(), Recording() as record, pyro.poutine.trace() as trace:
        series = rollout(day, start(theta), 6).tallies["infections"]
        before = list(trace.trace.nodes)
        series.sum().backward()
        assert list(trace.trace.nodes) == before
    assert torch.equal(record.series()["infections"], series)


def test_a_second_backward_pass_computes_again() -> None:
    theta = torch.tensor([BETA], requires_grad=True)
    with Checkpointing(), KeyedNoise(1), StraightThrough():
        total = rollout(day, start(theta), 6).tallies["infections"].sum()
    (first,) = torch.autograd.grad(total, theta, retain_graph=True)
    (second,) = torch.autograd.grad(total, theta)
    assert torch.equal(first, second)


def test_nothing_is_stored_within_a_block() -> None:
    """The autograd graph holds the state at the beginning of each block: 4 of 16 steps."""
    kept: list[torch.Size] = []

    def pack(x: torch.Tensor) -> torch.Tensor:
        kept.append(x.shape)
        return x

    theta = torch.tensor([BETA], requires_grad=True)
    with saved_tensors_hooks(pack, lambda x: x):
        with Checkpointing(), KeyedNoise(1), StraightThrough():
            rollout(day, start(theta), 16)
        assert not any(shape[-1:] == (AGENTS,) for shape in kept)
        with KeyedNoise(1), StraightThrough():
            rollout(day, start(theta), 16)
        assert sum(shape[-1:] == (AGENTS,) for shape in kept) >= 16 * 5


def test_without_gradients_it_does_nothing() -> None:
    with torch.no_grad(), Checkpointing(), KeyedNoise(1), StraightThrough():
        got = rollout(day, start(torch.tensor([BETA])), 6).tallies["infections"]
    with KeyedNoise(1):
        assert torch.equal(got, rollout(day, start(torch.tensor([BETA])), 6).tallies["infections"])


def test_bad_input_is_told_what_to_do() -> None:
    with pytest.raises(ValueError, match="steps of a block"):
        Checkpointing(0)
    with DiscreteTime(), Checkpointing(), pytest.raises(ValueError, match="enter it first"):
        rollout(lambda s: s, {"x": torch.ones(2)}, 2)
    calls = []

    def changing(s: State) -> State:
        calls.append(1)
        return {"x": s["x"] * s["x"] if len(calls) < 3 else s["x"].exp() * s["x"] * s["x"]}

    x = torch.ones(2, requires_grad=True)
    with Checkpointing():
        last = rollout(changing, {"x": x}, 2).state["x"].sum()
    with pytest.raises(ValueError, match="came out otherwise"):
        last.backward()


def test_variables_that_change_before_the_backward_pass_are_refused() -> None:
    x = torch.full((AGENTS,), 0.3, requires_grad=True)
    total = torch.zeros(())
    with Checkpointing():
        for f in (1, 2, 4):

            def late(s: State) -> State:
                return {"x": (s["x"] * f).sin()}  # noqa: B023

            total = total + rollout(late, {"x": x}, 5).state["x"].sum()
    with pytest.raises(ValueError, match="came out otherwise"):
        total.backward()


@pytest.mark.parametrize("tallied", [False, True])
def test_an_optimiser_steps_after_the_backward_pass(tallied: bool) -> None:
    """Also where the parameter enters a tally only, and the states come out the same."""
    rate = torch.tensor([0.5], requires_grad=True)
    optimiser = torch.optim.SGD([rate], lr=1e-3)

    def reported(s: State) -> State:
        happened = s["S"] * event("x", torch.full((AGENTS,), 0.1) if tallied else rate.expand(AGENTS))
        tally("n", happened * rate.square())
        return {"S": s["S"] - happened}

    def run() -> torch.Tensor:
        with Checkpointing(2), KeyedNoise(1), StraightThrough():
            return rollout(reported, {"S": torch.ones(AGENTS)}, 6).tallies["n"].sum()

    run().backward()
    late = run()
    optimiser.step()
    with pytest.raises(ValueError, match="came out otherwise"):
        late.backward()
    run().backward()


def test_a_first_state_changed_in_place_is_refused() -> None:
    theta, first = torch.ones(1, requires_grad=True), torch.full((AGENTS,), 0.3)
    with Checkpointing(2):
        total = rollout(lambda s: {"x": s["x"] * theta}, {"x": first}, 6).state["x"].sum()
    first.add_(1)
    with pytest.raises(ValueError, match="came out otherwise"):
        total.backward()


@pytest.mark.slow  # three processes
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is compared as Linux reports it")
def test_a_gradient_needs_little_more_memory_than_the_simulation() -> None:
    def peak(*flags: str) -> float:
        command = [sys.executable, "benchmarks/gradients.py", "memory", "--agents=300000", "--days=36", *flags]
        run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        return float(run.stdout.split()[-2])

    # Measured +86 MB, and +494 MB without checkpoints.
    assert peak() < peak("--plain") + 200 < peak("--everything")

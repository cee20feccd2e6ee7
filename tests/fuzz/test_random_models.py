"""Random models of the package equal plain numpy: states to the bit, in all worlds, replicates, rollouts and days.

An experiment is drawn from one number (`drawn`), told to two interpreters, of the package (`package_model`,
`package_simulation`) and of numpy (`numpy_*`), and compared. The reference simulates worlds and replicates one by one
and makes the noise itself, from its description. A failure prints the number and the experiment:
`differences(experiment(number))` repeats it.
"""

import numpy as np
import pytest

from tests.fuzz.description import Experiment, told
from tests.fuzz.drawn import experiment
from tests.fuzz.numpy_simulation import Simulated, TooClose, simulate
from tests.fuzz.numpy_worlds import worlds
from tests.fuzz.package_simulation import PackageRun

MODELS, BLOCK = 2000, 100


def differences(made: Experiment) -> list[str] | None:
    """Where the package and the reference differ; None where the last bit of a logarithm decides."""
    own_choices = any(statement.coupling == "independent" for statement in made.model.statements)
    compared = worlds(made)[:1] if own_choices else worlds(made)  # other worlds choose by noise of their own
    try:
        expected = [
            (world.place, i, simulate(made, world, seed)) for world in compared for i, seed in enumerate(made.luck)
        ]
    except TooClose:
        return None
    run = PackageRun(made)
    return [
        f"{what} in world {place}, replicate {replicate}"
        for place, replicate, reference in expected
        for what in _unlike(run.one(place, replicate), reference)
    ]


def _unlike(got: Simulated, expected: Simulated) -> list[str]:
    pairs = {}
    for number, (state, series) in enumerate(zip(expected.states, expected.tallies, strict=True)):
        pairs |= {f"entry {name!r} after rollout {number}": (got.states[number][name], state[name]) for name in state}
        pairs |= {f"tally {name!r} of rollout {number}": (got.tallies[number][name], series[name]) for name in series}
    pairs |= {f"log of {name!r}": (got.logged[name], expected.logged[name]) for name in expected.logged}
    return [what for what, (one, other) in pairs.items() if not _same(one, other, summed=what.startswith("tally"))]


def _same(got: np.ndarray, expected: np.ndarray, summed: bool) -> bool:
    """Equal in type and value; one number for all equals as many. Floats are summed in another order: 1e-12."""
    if got.dtype != expected.dtype:
        return False
    if summed and got.dtype.kind == "f":
        return got.shape == expected.shape and np.allclose(got, expected, rtol=1e-12, atol=1e-12)
    return bool((got == expected).all())


def wrong(seeds: range) -> str:
    """The differences of many experiments, each with its number; empty if there is none."""
    found, undecided = [], 0
    for seed in seeds:
        made = experiment(seed)
        try:
            unlike = differences(made)
        except Exception as error:
            error.add_note(f"experiment {seed}: {told(made)}")
            raise
        undecided += unlike is None
        if unlike:
            found.append(f"{seed}: {'; '.join(unlike[:5])}\n{told(made)}")
    assert undecided <= 0.1 * len(seeds)
    return "\n".join(found)


def test_forty_random_models_equal_plain_numpy() -> None:
    assert wrong(range(40)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, MODELS, BLOCK))
def test_random_models_equal_plain_numpy(first: int) -> None:
    assert wrong(range(first, first + BLOCK)) == ""

"""SEIR in patches in LASER: `python laser_patches.py [agents] [days] [threads] [patches]`, one JSON line.

laser-generic's own components with constant times. Within a patch everybody meets everybody; patches do not meet.
"""

# ruff: noqa: E402  (the number of threads is announced before numba is loaded)

from epidemic import EXPOSED, INFECTIOUS, SEEDED, Stopwatch, arguments, report

agents, days, threads, mode = arguments()

import contextlib
import importlib.metadata
import io

import geopandas as gpd
import numpy as np
from laser.core import PropertySet
from laser.core import distributions as dists
from laser.generic import SEIR, Model
from shapely.geometry import box

R0 = 2.5


class Clock:
    """A component that is called at the end of every day."""

    def __init__(self) -> None:
        self.watch = None

    def step(self, tick: int) -> None:
        self.watch.lap()


def model(agents: int, patches: int, days: int) -> tuple[Model, Clock]:
    size = agents // patches
    seeded = max(1, round(SEEDED * size))
    towns = gpd.GeoDataFrame(
        {
            "nodeid": np.arange(patches),
            "population": np.full(patches, size),
            "S": np.full(patches, size - seeded),
            "E": np.full(patches, seeded),
            "I": np.zeros(patches, int),
            "R": np.zeros(patches, int),
        },
        geometry=[box(i % 100, i // 100, i % 100 + 1, i // 100 + 1) for i in range(patches)],
        crs="EPSG:4326",
    )
    made = Model(towns, PropertySet({"nticks": days, "beta": R0 / INFECTIOUS, "prng_seed": 1}), skip_capacity=True)
    exposed, infectious = dists.constant_int(EXPOSED), dists.constant_int(INFECTIOUS)
    clock = Clock()
    made.components = [
        SEIR.Susceptible(made),
        SEIR.Recovered(made),
        SEIR.Infectious(made, infectious),
        SEIR.Exposed(made, exposed, infectious),
        SEIR.Transmission(made, exposed),
        clock,
    ]
    return made, clock


def run(made: Model, clock: Clock) -> Stopwatch:
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        clock.watch = Stopwatch()
        made.run()
    return clock.watch


patches = int(mode or 1)
run(*model(20_000, patches, 10))
setup = Stopwatch()
made, clock = model(agents, patches, days)
setup.lap()
watch = run(made, clock)
report(
    "laser",
    agents,
    threads,
    setup.seconds[0],
    watch,
    [int(x) for x in made.nodes.I[:days].sum(1)],
    int(agents - made.nodes.S[-1].sum()),
    {name: importlib.metadata.version(name) for name in ("laser-generic", "laser-core", "numba")},
    patches=patches,
)

"""LASER's epidemic in ten towns: `python laser_gravity.py [seeds] > examples/laser_gravity_seir.csv`.

laser-generic 1.1.0 as it comes: a SEIR of ten towns on a line, coupled by gravity. One line a seed.
"""

import contextlib
import io
import sys

import geopandas as gpd
import numpy as np
from laser.core import PropertySet
from laser.core import distributions as dists
from laser.generic import SEIR, Model
from shapely.geometry import Point

POPULATION = [20000, 10000, 8000, 6000, 5000, 5000, 4000, 3000, 2000, 2000]
DAYS = 200


def outputs(seed: int) -> list[float]:
    towns = gpd.GeoDataFrame(
        {
            "nodeid": np.arange(10),
            "population": np.array(POPULATION),
            "I": np.array([20] + 9 * [0]),
            "E": np.zeros(10, int),
            "R": np.zeros(10, int),
        },
        geometry=[Point(0.1 * i, 0) for i in range(10)],
        crs="EPSG:4326",
    )
    towns["S"] = towns.population - towns.I
    params = PropertySet(
        {
            "nticks": DAYS,
            "beta": 0.5,
            "prng_seed": seed,
            "gravity_k": 0.002,
            "gravity_a": 0,
            "gravity_b": 1,
            "gravity_c": 2,
        }
    )
    model = Model(towns, params, skip_capacity=True)
    exposed, infectious = dists.normal(loc=8.0, scale=2.0), dists.normal(loc=8.0, scale=2.0)
    model.components = [
        SEIR.Susceptible(model),
        SEIR.Recovered(model),
        SEIR.Infectious(model, infectious),
        SEIR.Exposed(model, exposed, infectious),
        SEIR.Transmission(model, exposed),
    ]
    model.run()
    ill, left = model.nodes.I[:DAYS], model.nodes.S[-1]  # [days, towns], from day 0
    everywhere = ill.sum(1)
    rate = 1 - left / np.array(POPULATION)
    return [
        seed,
        round(float(1 - left.sum() / sum(POPULATION)), 5),
        int(everywhere.argmax()),
        int(everywhere.max()),
        int(ill[:, 9].argmax()),
        round(float(rate[9]), 5),
    ]


if __name__ == "__main__":
    print("run", "attack_rate", "peak_day", "peak_infectious", "peak_day_town_9", "attack_town_9", sep=",")
    for run in range(int(sys.argv[1]) if len(sys.argv) > 1 else 30):
        with contextlib.redirect_stderr(io.StringIO()):
            line = outputs(run)
        print(*line, sep=",", flush=True)

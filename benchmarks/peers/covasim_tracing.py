"""Testing and contact tracing on a random graph in covasim 4.0.1, its disease reduced to what can be written down.

    python covasim_tracing.py SEEDS OUT.csv

Made examples/covasim_tracing.csv (covasim 4.0.1, which stands on starsim 3.7.2).
"""

import csv
import sys
import warnings
from pathlib import Path

import covasim as cv
import numpy as np

warnings.filterwarnings("ignore")

PARAMETERS = {
    "pop_type": "random",
    "pop_size": 20_000,
    "pop_infected": 50,
    "n_days": 180,
    "contacts": 10,
    "dynam_layer": 0,
    "beta": 0.025,
    "use_waning": False,
    # Nobody is worse than mildly ill; three quarters have symptoms; all are equally infectious, all of the time.
    "prog_by_age": False,
    "rel_severe_prob": 0.0,
    "beta_dist": {"dist": "uniform", "par1": 1, "par2": 1},
    "viral_dist": {"frac_time": 0.3, "load_ratio": 1, "high_cap": 4},
    "iso_factor": 0.2,
    "quar_factor": 0.3,
    "quar_period": 14,
}
TESTS = {"symp_prob": 0.2, "asymp_prob": 0.001, "symp_quar_prob": 0.2, "asymp_quar_prob": 0.001, "test_delay": 1}
COLUMNS = ("tracing", "seed", "attack_rate", "peak_day", "peak_infectious", "diagnoses", "quarantined")


def run(seed: int, traced: bool) -> list[float]:
    acts = [cv.test_prob(**TESTS)]
    if traced:
        acts.append(cv.contact_tracing(trace_probs=0.6, trace_time=1))
    sim = cv.Sim(PARAMETERS, interventions=acts, rand_seed=seed, verbose=0)
    sim.run()
    results = getattr(sim.results, "covid", sim.results)
    of = {name: np.asarray(results[f"cum_{name}"])[-1] for name in ("infections", "diagnoses", "quarantined")}
    ill = np.asarray(results["n_infectious"])
    attack = round(float(of["infections"]) / PARAMETERS["pop_size"], 5)
    return [int(traced), seed, attack, int(ill.argmax()), int(ill.max()), int(of["diagnoses"]), int(of["quarantined"])]


if __name__ == "__main__":
    seeds, out = int(sys.argv[1]), Path(sys.argv[2])
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(run(seed, traced) for traced in (False, True) for seed in range(1, seeds + 1))

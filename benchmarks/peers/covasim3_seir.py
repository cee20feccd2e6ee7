"""The epidemic in covasim 3, which has numba kernels of its own: `python covasim3_seir.py [agents] [days] [threads]`.

One JSON line. A plain SEIR in covasim's terms: nobody has symptoms, so everybody takes the asymptomatic branch; viral
load and individual infectiousness are constant; no age, no waning. With more than one thread numba runs parallel
("full"), with one it does not, which is the fastest for each.
"""

# ruff: noqa: E402  (the number of threads is announced before numba is loaded)

import os

from epidemic import DEGREE, EXPOSED, INFECTIOUS, SEEDED, TRANSMISSION, Stopwatch, arguments, report

agents, days, threads, _ = arguments()
os.environ["COVASIM_NUMBA_PARALLEL"] = "full" if threads > 1 else "none"
os.environ["COVASIM_NUMBA_CACHE"] = "0"  # compiled code on disk does not notice that the line above has changed

import covasim as cv
import numba
import numpy as np


def always(value: float) -> dict[str, object]:
    return {"dist": "uniform", "par1": value, "par2": value}


def simulation(agents: int, days: int) -> cv.Sim:
    return cv.Sim(
        pop_size=agents,
        pop_infected=round(agents * SEEDED),
        n_days=days - 1,  # the first day counts too
        pop_type="random",
        contacts={"a": DEGREE},
        beta=TRANSMISSION,
        beta_dist=always(1.0),
        viral_dist={"frac_time": 0.3, "load_ratio": 1.0, "high_cap": 4},  # high and low load are the same
        asymp_factor=1.0,
        dur={**cv.make_pars()["dur"], "exp2inf": always(EXPOSED), "asym2rec": always(INFECTIOUS)},
        rel_symp_prob=0.0,
        prognoses=cv.get_prognoses(by_age=False),  # susceptibility too is then the same at all ages
        use_waning=False,
        rescale=False,
        rand_seed=1,
        verbose=0,
    )


def run(sim: cv.Sim) -> Stopwatch:
    watch = Stopwatch()
    while not sim.complete:
        sim.step()
        watch.lap()
    return watch


warm = simulation(20_000, 60)
warm.initialize()
run(warm)

sim, setup = simulation(agents, days), Stopwatch()
sim.initialize()
setup.lap()
watch = run(sim)
report(
    "covasim 3" + (" parallel" if threads > 1 else ""),
    agents,
    threads,
    setup.seconds[0],
    watch,
    [int(x) for x in sim.results["n_infectious"].values],
    int(np.count_nonzero(~sim.people.susceptible)),
    {"covasim": cv.__version__, "numba": numba.__version__, "numpy": np.__version__},
    contacts_an_agent=round(2 * sum(len(layer) for layer in sim.people.contacts.values()) / agents, 2),
)

"""The epidemic in covasim 4, which runs on starsim: `python covasim4_seir.py [agents] [days] [threads] [mode]`.

One JSON line. The same plain SEIR as in covasim3_seir.py. Modes:

    static     plain random numbers, the fastest (the default)
    crn        random numbers common to scenarios, as covasim 4 comes

covasim 4 keeps its contacts in both.
"""

# ruff: noqa: E402  (the number of threads is announced before numba is loaded)

from epidemic import DEGREE, EXPOSED, INFECTIOUS, SEEDED, TRANSMISSION, Stopwatch, arguments, report

agents, days, threads, mode = arguments()

import covasim as cv
import numpy as np
import starsim as ss

ss.options(verbose=0, crn=mode == "crn")


def always(value: float) -> dict[str, object]:
    return {"dist": "uniform", "par1": value, "par2": value}


class Clock(ss.Analyzer):
    """Called once in every step; the watch starts when the loop does."""

    watch = None

    def step(self):
        self.watch.lap()


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
        prog_by_age=False,
        use_waning=False,
        rescale=False,
        analyzers=[Clock()],
        rand_seed=1,
        verbose=0,
    )


def run(sim: cv.Sim) -> Stopwatch:
    clock = sim.analyzers[0]
    clock.watch = Stopwatch()
    sim.run()
    return clock.watch


warm = simulation(20_000, 60)
warm.init()
run(warm)

sim, setup = simulation(agents, days), Stopwatch()
sim.init()
setup.lap()
watch = run(sim)
covid = sim.diseases[0]
report(
    f"covasim 4 {mode or 'static'}",
    agents,
    threads,
    setup.seconds[0],
    watch,
    [int(x) for x in covid.results.n_infectious],
    int(agents - covid.results.n_susceptible[-1]),
    {"covasim": cv.__version__, "starsim": ss.__version__, "numpy": np.__version__},
    contacts_an_agent=round(2 * sum(len(net.edges.p1) for net in sim.networks.values()) / agents, 2),
)

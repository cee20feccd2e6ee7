"""The epidemic in starsim: `python starsim_seir.py [agents] [days] [threads] [mode]`, one JSON line. Modes:

    static     contacts that stay the same, and plain random numbers: starsim at its fastest (the default)
    crn        contacts that stay the same, and random numbers common to scenarios, which are starsim's default
    default    starsim's RandomNet as it comes: contacts redrawn every day, common random numbers

starsim's own SEIR with constant times. A day first moves who is due from exposed to infectious to recovered, then
transmits: the order of the other scripts.
"""

# ruff: noqa: E402  (the number of threads is announced before numba is loaded)

from epidemic import DEGREE, EXPOSED, INFECTIOUS, SEEDED, TRANSMISSION, Stopwatch, arguments, report

agents, days, threads, mode = arguments()

import numba
import starsim as ss

ss.options(verbose=0, crn=mode in ("crn", "default"))


class Clock(ss.Analyzer):
    """Called once in every step; the watch starts when the loop does."""

    watch = None

    def step(self):
        self.watch.lap()


def simulation(agents: int, days: int) -> ss.Sim:
    # As in covasim: Poisson numbers of contacts, and targets chosen uniformly.
    fixed = {} if mode == "default" else {"dynamic": False}
    network = ss.RandomNet(n_contacts=ss.poisson(DEGREE), uniform_targets=True, **fixed)
    disease = ss.SEIR(
        beta=ss.probperday(TRANSMISSION),
        init_prev=ss.choose_n(round(agents * SEEDED)),
        dur_exp=ss.constant(ss.days(EXPOSED)),
        dur_inf=ss.constant(ss.days(INFECTIOUS)),
        p_death=ss.bernoulli(0.0),
    )
    return ss.Sim(
        n_agents=agents,
        diseases=disease,
        networks=network,
        analyzers=Clock(),
        start="2020-01-01",
        dur=ss.days(days - 1),  # the first day counts too
        dt=ss.days(1),
        rand_seed=1,
    )


def run(sim: ss.Sim) -> Stopwatch:
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
seir = sim.diseases[0]
report(
    f"starsim {mode or 'static'}",
    agents,
    threads,
    setup.seconds[0],
    watch,
    [int(x) for x in seir.results.n_infectious],
    int(agents - seir.results.n_susceptible[-1]),
    {"starsim": ss.__version__, "numba": numba.__version__},
    contacts_an_agent=round(2 * len(sim.networks[0].edges.p1) / agents, 2),
)

"""starsim's SIR with births and deaths: `python starsim_demography.py [seeds] > examples/starsim_sir_demography.csv`.

10,000 agents in steps of a year from 2000 to 2050, as starsim 3.7.2 comes, except for what is named below. One line a
seed; infections are counted without those of the start, and infected is the state at the end of each year.
"""

import sys

import starsim as ss

ss.options(verbose=0)


def outputs(seed: int) -> list[float]:
    sim = ss.Sim(
        n_agents=10_000,
        start=2000,
        stop=2050,
        dt=1.0,
        rand_seed=seed,
        diseases=ss.SIR(
            beta=ss.peryear(0.1),
            init_prev=0.01,
            dur_inf=ss.lognorm_ex(mean=ss.years(6), std=ss.years(1)),
            p_death=0.01,
        ),
        networks=ss.RandomNet(n_contacts=10),
        demographics=[ss.Births(birth_rate=ss.peryear(20)), ss.Deaths(death_rate=ss.peryear(15))],
    )
    sim.run()
    sir = sim.results.sir
    infected = [int(n) for n in sir.n_infected]
    assert len(infected) == 51
    peak = max(range(51), key=infected.__getitem__)
    new = [int(n) for n in sir.new_infections]
    return [
        seed,
        sum(new),
        2000 + peak,
        infected[peak],
        int(sim.results.n_alive[-1]),
        int(sir.n_recovered[-1]),
        infected[-1],
    ]


print("seed,infections,peak_year,peak_height,alive,recovered,infected")
for seed in range(1, 1 + int(sys.argv[1] if len(sys.argv) > 1 else 30)):
    print(*outputs(seed), sep=",", flush=True)

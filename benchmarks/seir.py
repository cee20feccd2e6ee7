"""An SEIR epidemic on a fixed random graph, written with the public operations: what the peers are compared with.

Run as `python benchmarks/seir.py [agents] [days] [threads] [mode] [name=value ...]`; prints one JSON line (see
peers/epidemic.py). The modes:

    model     the model under KeyedNoise, seconds of every day (the default)
    general   the same epidemic with stages, and times in them that each agent has of its own
    bare      the same kernels in a plain loop, without Pyro or any handler
    overhead  both in turn, what the handlers cost, and a check that the numbers are the same bit for bit

After the mode `model`, by name: `degree` (mean number of contacts; a contact transmits so much less or more that the
epidemic stays the same), `worlds`, and `split` (the day on which the worlds split; until then they are one).
"""

import contextlib
import json
import math
import statistics
import sys
from dataclasses import dataclass
from typing import Any

from peers.epidemic import DEGREE, EXPOSED, INFECTIOUS, SEEDED, TRANSMISSION, Stopwatch, arguments, peak_mb, report

if __name__ == "__main__":
    agents, days, threads, mode = arguments()  # before torch is loaded: it reads the number of threads once

import pyro
import torch
from chirho.dynamical.handlers import StaticIntervention
from pyro.poutine.messenger import Messenger

from causal_lpm import KeyedNoise, Worlds, event, exposure, policy, reuse_freed_memory, rollout, tally
from causal_lpm.agents import Graph, random_graph
from causal_lpm.kernels import graph_change, happens, hashing
from causal_lpm.kernels.elementwise import LARGE
from causal_lpm.kernels.quick_mode import QuickMode, without_quick_mode

NEVER = 255  # days are bytes: an agent is the day of its infection, and that is all there is to know of it
BETA = -math.log1p(-TRANSMISSION)  # hazard a contact and day
SEED = 1
MILDER = 0.02  # each further world has a hazard so much smaller, from the day of the split on


def begin(agents: int, degree: int = DEGREE) -> tuple[Graph, dict[str, torch.Tensor]]:
    """The contacts, and the state on day 0: every 1000th agent was exposed just now."""
    infected_on = torch.full((agents,), NEVER, dtype=torch.uint8)
    infected_on[:: round(1 / SEEDED)] = 0
    initial = {"infected_on": infected_on}
    if degree != DEGREE:
        initial["beta"] = torch.tensor([BETA * DEGREE / degree])
    return random_graph(agents, degree, seed=SEED), initial


def seir(contacts: Graph, initial: dict[str, torch.Tensor], days: int):
    """The model: exposed for the first days after infection, then infectious, then recovered.

    The hazard a contact and day is BETA, or the entry `beta` of the state.
    """

    def day(s):
        today, infected_on = s["t"].to(torch.uint8), s["infected_on"]
        susceptible, since = infected_on == NEVER, today - infected_on
        infectious = (since - EXPOSED < INFECTIOUS) & ~susceptible  # bytes wrap around below 0
        infected = event("infection", s.get("beta", BETA) * exposure(contacts, infectious), where=susceptible)
        tally("infections", infected)
        tally("infectious", infectious)
        return {**s, "infected_on": torch.where(infected, today, infected_on)}

    return rollout(day, initial, days)


def general(contacts: Graph, initial: dict[str, torch.Tensor], days: int) -> "Run":
    """The same epidemic as it is written where times differ: a stage, and the last day in it, an agent."""
    exposed_days, infectious_days = (
        torch.full((contacts.agents,), n, dtype=torch.int16) for n in (EXPOSED, INFECTIOUS)
    )

    def day(s):
        today, stage = s["t"].to(torch.int16), s["stage"]
        infectious = stage == 2
        infected = event("infection", BETA * exposure(contacts, infectious), where=stage == 0)
        tally("infections", infected)
        tally("infectious", infectious)
        ends = s["last_day"] == today
        onset = ends & (stage == 1)
        last_day = torch.where(onset, today + infectious_days, s["last_day"])
        last_day = torch.where(infected, today + exposed_days - 1, last_day)
        return {"stage": stage + infected + onset + (ends & infectious), "last_day": last_day}

    stage = (initial["infected_on"] == 0).to(torch.uint8)
    last_day = torch.where(stage == 1, EXPOSED - 1, -1).to(torch.int16)
    with Clock() as clock, KeyedNoise(SEED):
        run = rollout(day, {"stage": stage, "last_day": last_day}, days)
    infections, infectious = (run.tallies[name][0].tolist() for name in ("infections", "infectious"))
    return Run(torch.where(run.state["stage"] == 0, NEVER, 0), infections, infectious, clock.watch)


@dataclass
class Run:
    """The last state, the series, and the time of every day."""

    infected_on: torch.Tensor
    infections: list[int]
    infectious: list[int]
    watch: Stopwatch


class Clock(Messenger):
    """Takes the time of every step, with all that handlers do before and after it."""

    watch: Stopwatch | None = None

    def _pyro_step(self, msg: Any) -> None:
        self.watch = self.watch or Stopwatch()

    def _pyro_post_step(self, msg: Any) -> None:
        self.watch.lap()


def model(contacts: Graph, initial: dict[str, torch.Tensor], days: int, worlds: int = 1, split: int = 0) -> Run:
    """The epidemic through the public interface; of several worlds the factual one is returned."""
    with contextlib.ExitStack() as handlers:
        clock = handlers.enter_context(Clock())
        handlers.enter_context(KeyedNoise(SEED))
        if worlds > 1:
            handlers.enter_context(Worlds([f"world {i}" for i in range(worlds)]))
            beta = initial.get("beta", torch.tensor([BETA]))
            acts = tuple(beta * (1 - MILDER) ** i for i in range(1, worlds))
            handlers.enter_context(StaticIntervention(torch.tensor(float(split)), {"beta": acts}))
            initial = {**initial, "beta": policy("beta", beta)}
        run = seir(contacts, initial, days)
    infections, infectious = (run.tallies[name].reshape(-1, days)[0].tolist() for name in ("infections", "infectious"))
    infected_on = run.state["infected_on"]
    return Run(infected_on.reshape(-1, infected_on.shape[-1])[0], infections, infectious, clock.watch)


def bare(contacts: Graph, initial: dict[str, torch.Tensor], days: int) -> Run:
    """The same kernels, compiled comparisons among them, in a plain loop: the time that is not the handlers'."""
    change, decide = without_quick_mode(graph_change), without_quick_mode(happens)
    infected_on, seed = initial["infected_on"], torch.tensor(SEED)
    before, total = torch.zeros(len(infected_on), dtype=torch.bool), torch.zeros(len(infected_on), dtype=torch.uint8)
    infections, cases = [], []
    watch = Stopwatch()
    for number in range(days):
        today = torch.tensor(number, dtype=torch.uint8)
        with QuickMode() if len(infected_on) >= LARGE else contextlib.nullcontext():
            susceptible, since = infected_on == NEVER, today - infected_on
            infectious = (since - EXPOSED < INFECTIOUS) & ~susceptible
            total, before = change(total, before, infectious, contacts.indptr, contacts.neighbours), infectious
            infected = decide(BETA * total.float(), hashing.stream(seed, "infection", number), susceptible)
            infections.append(infected.count_nonzero())
            cases.append(infectious.count_nonzero())
            infected_on = torch.where(infected, today, infected_on)
        watch.lap()
    return Run(infected_on, [int(x) for x in infections], [int(x) for x in cases], watch)


def check_equal(one: Run, other: Run) -> None:
    """The model and the plain loop are the same simulation."""
    assert torch.equal(one.infected_on, other.infected_on), "the last states of the model and of the plain loop differ"
    assert one.infections == other.infections, "the new infections of the model and of the plain loop differ"
    assert one.infectious == other.infectious, "the numbers infectious in the model and in the plain loop differ"


def handler_overhead(agents: int, days: int, repeats: int = 20) -> dict[str, object]:
    """What handlers cost: the ratio of CPU times of the model and the plain loop, run in turn (0.05: five percent).

    From one run to the next the same day takes longer or shorter by more than the handlers need. So each day counts
    with its fastest run.
    """
    contacts, initial = begin(agents)
    check_equal(model(contacts, initial, days), bare(contacts, initial, days))  # also the warm-up
    runs: dict[str, list[Run]] = {"model": [], "bare": []}
    for _ in range(repeats):
        runs["model"].append(model(contacts, initial, days))
        runs["bare"].append(bare(contacts, initial, days))
    times = {name: [run.watch.cpu_seconds for run in of] for name, of in runs.items()}
    fastest = {name: sum(min(day) for day in zip(*of, strict=True)) for name, of in times.items()}
    pairs = [sum(a) / sum(b) - 1 for a, b in zip(times["model"], times["bare"], strict=True)]
    return {
        "handler_overhead": round(fastest["model"] / fastest["bare"] - 1, 4),
        "handler_overhead_median_of_pairs": round(statistics.median(pairs), 4),
        "model_seconds_a_day": round(fastest["model"] / days, 6),
        "bare_seconds_a_day": round(fastest["bare"] / days, 6),
        "equal_bit_for_bit": True,
    }


def named(given: list[str], mode: str) -> dict[str, int]:
    """The arguments `name=value`: degree, worlds, split."""
    values = {"degree": DEGREE, "worlds": 1, "split": 0}
    for argument in given:
        name, equals, value = argument.partition("=")
        if name not in values or not equals or mode not in ("", "model"):
            sys.exit(f"{argument!r} is not understood: after the mode `model` give {', '.join(values)} as name=value.")
        values[name] = int(float(value))
    return values


def main(agents: int, days: int, threads: int, mode: str) -> None:
    torch.set_num_threads(threads)
    more = named(sys.argv[5:], mode)
    reuse_freed_memory()  # as the manual says for large populations
    small = begin(20_000)
    once = model(*small, 60)
    check_equal(once, bare(*small, 60))  # compiles what there is to compile
    if mode == "general":
        assert once.infections == general(*small, 60).infections, "the two ways to write the epidemic differ"
    if more["worlds"] > 1:
        model(*small, 60, more["worlds"], more["split"] and 30)  # the first split of a process imports a lot
    loaded = peak_mb()
    if mode == "overhead":
        line = {"agents": agents, "days": days, "threads": threads, **handler_overhead(agents, days)}
        print(json.dumps(line))
        return
    setup = Stopwatch()
    contacts, initial = begin(agents, more["degree"])
    setup.lap()
    after_setup = peak_mb()
    model(contacts, initial, 2)  # loops of several threads are compiled on the first day of many agents
    if mode in ("bare", "general"):
        run = {"bare": bare, "general": general}[mode](contacts, initial, days)
    else:
        run = model(contacts, initial, days, more["worlds"], more["split"])
    report(
        f"causal_lpm {mode}" if mode in ("bare", "general") else "causal_lpm",
        agents,
        threads,
        setup.seconds[0],
        run.watch,
        run.infectious,
        int((run.infected_on != NEVER).sum()),
        {"torch": str(torch.__version__), "pyro": pyro.__version__},
        contacts_an_agent=round(float(contacts.degree().mean()), 2),
        peak_rss_loaded_mb=loaded,
        peak_rss_setup_mb=after_setup,
        worlds=more["worlds"],
        split=more["split"],
    )


if __name__ == "__main__":
    main(agents, days, threads, mode)

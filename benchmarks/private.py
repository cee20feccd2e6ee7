"""What a step of a private run costs: rounds, bytes, seconds, and what the dealer sends.

    python benchmarks/private.py                                  # the README's epidemic: 1,000 and 10,000 agents
    python benchmarks/private.py --agents 100000 --noise owner --parties 3
    python benchmarks/private.py --model second_dose --agents 10000 --days 30 --parties 3
    python benchmarks/private.py --model study --agents 150000 --days 60 --parties 3

One process a party and one for the dealer, on this machine. Bytes are those that a party sends to all others; the
dealer's go to party 0. `differ` counts the cells of released series that differ from the plain run, with public noise.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from causal_lpm import Candidates, KeyedNoise, Private, comparing, event, exposure, policy, rollout, tally
from causal_lpm.agents import Population, random_graph, start
from causal_lpm.handlers.private.additive import Additive
from causal_lpm.handlers.private.crypten_layer import CrypTen
from causal_lpm.handlers.private.sharing import share
from causal_lpm.parties import Patience, Place, TcpChannel, deal, loopback_addresses

HEADER = ("model", "agents", "parties", "contacts", "noise", "rounds", "MB", "dealer MB", "s", "CPU s", "GB", "differ")


class Exact:
    """Opens every series as it is."""

    exact, noisy = True, False

    def check(self, totals: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        return totals


def epidemic(people: Population, contacts: Any, days: int, infect: float = 0.06, recover: float = 0.2) -> Any:
    closing = policy("closing_day", 999)

    def day(s: Any) -> Any:
        contact = torch.where(s["t"] < s["closing_day"], 1.0, 0.5)
        infected = event("infection", infect * contact * exposure(contacts, s["stage"] == 1)) & (s["stage"] == 0)
        recovered = event("recovery", recover) & (s["stage"] == 1)
        tally("cases", infected)
        return {**s, "stage": s["stage"] + infected + recovered}

    return rollout(day, start(people, closing_day=closing), days)


def blocks_of(agents: int, parties: int) -> list[tuple[int, int]]:
    return list(itertools.pairwise(agents * rank // parties for rank in range(parties + 1)))


def readme(o: Any, sharing: Callable[..., torch.Tensor]) -> tuple[Callable[[int], Any], Any, dict[str, int]]:
    """The model for a number of days, its worlds, and the small entries."""
    ill = (torch.arange(o.agents) % max(1, o.agents // (o.agents // 100 if o.model == "study" else 50)) == 0).byte()
    contacts = random_graph(o.agents, mean_degree=8, seed=0)
    if o.contacts == "candidates":
        src = torch.repeat_interleave(torch.arange(o.agents), contacts.indptr.diff())
        once = src < contacts.neighbours
        met = torch.rand(int(once.sum()), generator=torch.Generator().manual_seed(5)) < 0.5
        contacts = Candidates(src[once], contacts.neighbours[once], sharing(met), o.agents)
    # 0.5 a day over 8 contacts, as in the published study; or the README's.
    rates = {"infect": 0.5 / 8, "recover": -torch.log(torch.tensor(0.9)).item()} if o.model == "study" else {}
    people = Population({"stage": sharing(ill, 0, 2)})
    worlds = {"never": {}, "day 3": {"closing_day": 3}} if o.worlds else {"never": {}}
    return lambda days: epidemic(people, contacts, days, **rates), worlds, {"stage": 3}


def second_dose_of(o: Any, sharing: Callable[..., torch.Tensor]) -> tuple[Callable[[int], Any], Any, dict[str, int]]:
    from case_studies.second_dose.mechanism import mechanism
    from case_studies.second_dose.model import first_cases_of_archive, second_dose, setup
    from case_studies.second_dose.people import king_county
    from causal_lpm import look_up

    study = setup(king_county(o.agents), mechanism("described"))
    with KeyedNoise(1):
        stage = first_cases_of_archive(study.people, study.stages.course(study.people["age_group"]))["stage"]

    def first(people: Population, course: Any) -> Any:
        known = sharing(stage, 0, 10)
        infected_on = sharing(torch.where(stage > 0, 0, -9999).to(torch.int16), -9999, 9999)
        return {"stage": known, "infected_on": infected_on, "due": look_up(course.days, known).to(torch.int16) + 1}

    early = {"vaccination_start": 3.0, "doses_per_day": 2000.0}
    worlds = {"standard": early, "delayed": {**early, "dose_interval": 84.0, "first_dose_priority": 1.0}}
    return lambda days: second_dose(study, days + 1, first), worlds, {"stage": 11, "doses": 3}


MODELS = {"readme": readme, "study": readme, "second_dose": second_dose_of}


def party(o: Any, place: Place) -> None:
    """One party; party 0 prints what it has cost."""
    torch.set_num_threads(1)
    with TcpChannel(place) as channel:
        layer = (CrypTen if o.layer == "crypten" else Additive)(channel)

        def sharing(x: torch.Tensor, low: int | None = None, high: int | None = None) -> torch.Tensor:
            blocks = blocks_of(x.shape[-1], layer.parties)
            first, end = blocks[layer.rank]
            return share(layer, x[..., first:end], blocks, low, high)

        model, worlds, small = MODELS[o.model](o, sharing)

        def run(days: int) -> Any:
            blocks = blocks_of(o.agents, layer.parties)
            private = Private(layer, o.noise, Exact(), small, blocks)
            with KeyedNoise(1), comparing(worlds) if len(worlds) > 1 else contextlib.nullcontext(), private:
                return model(days)

        run(1)  # imports and compilation are not the protocol's
        channel.cost.rounds = channel.cost.sent = channel.cost.requests = channel.cost.dealt = 0
        began, cpu = time.perf_counter(), time.process_time()
        series = run(o.days).tallies
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    if place.rank == 0:
        differ = None
        if o.noise == "public" and o.contacts == "public":
            plain, worlds, _ = MODELS[o.model](o, lambda x, *_: x)
            with KeyedNoise(1), comparing(worlds) if len(worlds) > 1 else contextlib.nullcontext():
                clear = plain(o.days).tallies
            differ = sum(int((clear[name] != series[name]).sum()) for name in clear)
        cost, n = channel.cost, o.days
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        row = (cost.rounds / n, cost.sent / n / 1e6, cost.dealt / n / 1e6, seconds / n, cpu / n, memory, differ)
        sys.stdout.write(json.dumps(row) + "\n")


def measured(o: Any) -> list[str]:
    """A row of the table, from processes of their own."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CAUSAL_LPM_ADDRESSES": ",".join(loopback_addresses(o.parties + 1))}
    options = [
        f"--{name}={getattr(o, name)}" for name in ("model", "agents", "days", "contacts", "noise", "layer", "worlds")
    ]
    command = [sys.executable, __file__, *options]
    processes = [
        subprocess.Popen([*command, f"--rank={rank}"], env=env, stdout=subprocess.PIPE, text=True)
        for rank in range(o.parties + 1)
    ]
    said = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        return [o.model, f"{o.agents:,}", str(o.parties), o.contacts, o.noise, "failed"]
    numbers = json.loads(said[0])
    shown = [f"{x:.3g}" if isinstance(x, float) else "" if x is None else str(x) for x in numbers]
    return [o.model, f"{o.agents:,}", str(o.parties), o.contacts, o.noise, *shown]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=list(MODELS), default="readme")
    parser.add_argument("--agents", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--parties", type=int, nargs="*", default=[2, 3])
    parser.add_argument("--contacts", nargs="*", default=["public"], choices=["public", "candidates"])
    parser.add_argument(
        "--noise", nargs="*", default=["public", "owner", "dealt"], choices=["public", "owner", "dealt"]
    )
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--layer", choices=["additive", "crypten"], default="additive")
    parser.add_argument("--worlds", type=int, default=0, help="1: two worlds of the README's epidemic")
    parser.add_argument("--rank", type=int, default=None, help="of a process that this script has started")
    o = parser.parse_args()
    if o.rank is not None:
        o.agents, o.contacts, o.noise = o.agents[0], o.contacts[0], o.noise[0]
        place = Place.from_environment(o.rank, patience=Patience(start=120.0, silence=120.0))
        if place.is_dealer:
            torch.set_num_threads(1)
            deal(place)
        else:
            party(o, place)
        return
    sys.stdout.write("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|\n")
    for agents, parties, contacts, noise in itertools.product(o.agents, o.parties, o.contacts, o.noise):
        one = argparse.Namespace(
            **{**vars(o), "agents": agents, "parties": parties, "contacts": contacts, "noise": noise}
        )
        sys.stdout.write("| " + " | ".join(measured(one)) + " |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

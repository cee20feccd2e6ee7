"""A small epidemic whose contacts are a policy, with data and a rough curve; and a study that is only reproduced."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch

from causal_lpm import event, observed, policy, rollout, tally
from causal_lpm.inference import BadInput, ModelStudy, Policy, ReproducedStudy, Reproduction, known

AGENTS, DAYS = 200, 6


def agents() -> object:
    rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.5))
    contact = policy("contact", 1.0)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        tally("infections", event("infection", rate * s["contact"] * torch.ones(AGENTS)))
        return s

    run = rollout(day, {"well": torch.ones(AGENTS), "contact": contact}, DAYS)
    observed("reports", dist.Poisson(0.5 * run.tallies["infections"] + 0.1).to_event(1))
    return run


def curve() -> dict[str, torch.Tensor]:
    rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.5))
    level = (AGENTS * -torch.expm1(-rate)).reshape(*rate.shape[:-1], 1, 1).expand(*rate.shape[:-1], 1, DAYS)
    observed("reports", dist.Poisson(0.5 * level + 0.1).to_event(1))
    return {"infections": level}


contacts = ModelStudy(
    "contacts", "Contacts", "made up", agents, lambda: {"reports": [[12.0] * DAYS]}, curve, outcomes=("infections",),
    ranges={"contact": Policy("contact", 1.0, "contacts relative to usual", 0, 2)},
)  # fmt: skip


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    if seed == 7:
        raise BadInput("7 brings bad luck: give another seed.")
    part = out / "part.txt"
    say("reading the part" if part.exists() else "making the part")
    if seed == 13:
        part.write_text("made")
        raise KeyboardInterrupt
    return f"| quick | {quick} |\n| seed | {seed} |"


compared = ReproducedStudy("compared", "Methods side by side", "made up", ("deaths",), reproduce)


def counted(agents: int) -> Reproduction:
    return lambda out, **given: f"{reproduce(out, **given)}\n| agents | {agents} |"


sized = ReproducedStudy("sized", "Agents are chosen", "made up", ("deaths",), reproduce, with_agents=counted)


def with_files(options: Mapping[str, str | float]) -> Reproduction:
    for name in options:
        known("option", name, ("flocks", "prices"))
    return lambda out, **given: f"{reproduce(out, **given)}\n| options | {' '.join(sorted(options))} |"


later = ReproducedStudy("later", "Files are given", "made up", ("deaths",), reproduce, with_options=with_files)


def asked(options: Mapping[str, str | float]) -> Reproduction:
    known("question", str(options["question"]), ("first", "second"))
    return lambda out, **given: f"{reproduce(out, **given)}\n| asked | {options['question']} {options.get('agents')} |"


QUESTIONS = {"first": "one thing", "second": "another"}
several = ReproducedStudy(
    "several", "Two questions", "made up", ("deaths",), reproduce, with_options=asked, questions=QUESTIONS
)

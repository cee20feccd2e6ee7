"""What a visitor asks: two worlds and how often they are simulated, and the command that answers the same."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from causal_lpm.explore.start import Start
from causal_lpm.inference.studies.settings import check_experiment, check_value
from causal_lpm.inference.studies.study import Options, References, Worlds, policy_values
from causal_lpm.validate import whole_number

__all__ = ["Question", "asked"]


@dataclass(frozen=True)
class Question:
    """Two worlds of a study; one, where nothing differs.

    Attributes:
        start: Of the page.
        acts: Policies of the other world that differ from the defaults.
        options: Agents, days, device and what the study adds.
        replicates: How many.
        seed: Of all luck.
    """

    start: Start
    acts: Mapping[str, float]
    options: Options
    replicates: int
    seed: int

    @property
    def differs(self) -> bool:
        """Whether the two worlds set anything differently."""
        study = self.start.study
        return policy_values(study, self.acts) != policy_values(study, self.start.base)

    @property
    def name(self) -> str:
        """Of the other world: its acts, as the command line writes them."""
        text = ", ".join(f"{name}={_text(value)}" for name, value in self.acts.items()) or "the study's defaults"
        return f"what if: {text}" if text == self.start.base_name else text

    @property
    def worlds(self) -> Worlds:
        """The world that is compared with, and the other one if it differs."""
        return {self.start.base_name: self.start.base, **({self.name: self.acts} if self.differs else {})}

    @property
    def references(self) -> References:
        """World -> the world that it is compared with."""
        return {self.name: self.start.base_name} if self.differs else {}

    def check(self, workers: int) -> None:
        """Raises ValueError with one sentence for what cannot be simulated."""
        check_experiment(
            self.start.study, self.worlds, self.references, self.replicates, self.seed, self.options, workers
        )

    @property
    def command(self) -> str:
        """The command line that gives the same numbers; lines of Python where the study has no name there."""
        if not self.start.target:
            return self._in_python()
        words = ["causal-lpm", "whatif" if self.differs and not self.start.base else "run", self.start.target]
        if words[1] == "whatif":
            words += [word for name, value in self.acts.items() for word in ("--do", f"{name}={_text(value)}")]
        else:
            worlds = {self.start.base_name: self.start.base, **({"what if": self.acts} if self.differs else {})}
            for name, acts in worlds.items():
                text = ", ".join(f"{policy}={_text(value)}" for policy, value in acts.items())
                words += ["--setting", f"{name}: {text}".rstrip()]
        own = {"agents": self.start.study.default_agents, "days": self.start.study.default_days}
        given = {"agents": self.options.agents, "days": self.options.days}
        words += [word for name in own if given[name] != own[name] for word in (f"--{name}", str(given[name]))]
        words += ["--replicates", str(self.replicates), "--seed", str(self.seed)]
        if self.options.device != "cpu":
            words += ["--device", self.options.device]
        words += [word for name, value in self.options.extra.items() for word in ("--option", f"{name}={value}")]
        return shlex.join(words)

    def _in_python(self) -> str:
        """The lines that give the same numbers where the page was opened, `simulation` being what it is of."""
        options = ", ".join(
            [f"agents={self.options.agents}", f"days={self.options.days}"]
            + [f"{name}={value!r}" for name, value in (("extra", self.options.extra),) if value]
        )
        return (
            "from causal_lpm.inference import Options, run_experiment\n\n"
            f"run_experiment(simulation.study(), {self.worlds!r}, {self.references!r},\n"
            f"               replicates={self.replicates}, seed={self.seed}, options=Options({options}))"
        )


def asked(start: Start, policies: Mapping[str, Any], numbers: Mapping[str, Any]) -> Question:
    """The question that the controls of a page put.

    Args:
        start: Of the page.
        policies: Name -> value of the other world; None where a field is empty.
        numbers: "agents", "days", "replicates" and "seed", each if it has a control.

    Raises:
        ValueError: with one sentence, for a value that is none or not allowed.
    """
    study = start.study
    for name, value in policies.items():
        if value is None:
            raise ValueError(f"policy {name!r} is empty: give a number.")
        check_value(study.policies[name], value)
    for name, value in numbers.items():
        if value is None:
            raise ValueError(f"{name} is empty: give a whole number.")
    # What a field shows is what is simulated: numbers have as many digits as the command line is given.
    values = {name: float(_text(value)) for name, value in policies.items()}
    defaults = policy_values(study, {})
    acts = {name: value for name, value in policy_values(study, values).items() if value != defaults[name]}
    whole = {
        name: whole_number(name, numbers.get(name, own), low=0 if name == "seed" else 1)
        for name, own in (
            ("agents", start.options.agents),
            ("days", start.options.days),
            ("replicates", start.replicates),
            ("seed", start.seed),
        )
    }
    options = replace(start.options, agents=whole["agents"], days=whole["days"])
    return Question(start, acts, options, whole["replicates"], whole["seed"])


def _text(value: float) -> str:
    return f"{value:.12g}"

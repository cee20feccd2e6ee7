"""Settings of policies side by side: one world a setting, all sharing every agent's noise."""

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from chirho.interventional.ops import intervene

from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.model_runs import ModelRun
from causal_lpm.handlers.worlds import Worlds
from causal_lpm.ops.number_types import single_precision
from causal_lpm.validate import known

__all__ = ["comparing"]


class _Settings(Handler):
    """Sets every policy to what each setting says, and to the model's own value where a setting says nothing.

    `do` alone would ignore a policy that the model does not have; here the simulation does not begin.
    """

    lets_answers_be = True  # it acts on policies alone

    def __init__(self, settings: list[Mapping[str, float]]) -> None:
        super().__init__()
        self._settings = settings
        self._expected = dict.fromkeys(policy for setting in settings for policy in setting)
        self._run = ModelRun()

    def _pyro_post_sample(self, msg: Any) -> None:
        name = msg["name"]
        if not msg["infer"].get("_deterministic"):
            return
        self._run.names(name)
        if name not in self._expected:
            return
        own = msg["value"]
        fact, *acts = (torch.full_like(own, setting[name]) if name in setting else own for setting in self._settings)
        # Where all worlds agree there is nothing to split: days are run once until they differ.
        same = all(torch.equal(act, fact) for act in acts)
        msg["value"] = fact if same else intervene(fact, tuple(acts), event_dim=0, name=name)  # type: ignore[arg-type]

    # All policies have been named when the simulation begins.
    def _pyro_rollout(self, msg: Any) -> None:
        self._run.simulates()
        self._check()

    def _check(self) -> None:
        for name in self._expected:
            known("policy", name, self._run.policies)

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> Any:
        left = super().__exit__(exc_type, exc_value, traceback)
        if exc_type is None:
            self._check()
        return left


class _Comparison(contextlib.ContextDecorator, contextlib.AbstractContextManager[Worlds]):
    """Worlds made anew each time that it is entered."""

    def __init__(self, settings: Mapping[str, Mapping[str, float]], replicates: int, draws: int) -> None:
        self._settings = {name: dict(setting) for name, setting in settings.items()}
        self._sizes = (replicates, draws)
        self._worlds()  # errors are raised here
        self._entered: list[contextlib.ExitStack] = []

    def _worlds(self) -> Worlds:
        return Worlds(list(self._settings), *self._sizes)

    def __enter__(self) -> Worlds:
        with contextlib.ExitStack() as stack:
            worlds: Worlds = stack.enter_context(self._worlds())
            stack.enter_context(_Settings(list(self._settings.values())))
            self._entered.append(stack.pop_all())
        return worlds

    def __exit__(self, *error: Any) -> bool | None:
        return self._entered.pop().__exit__(*error)


def comparing(settings: Mapping[str, Mapping[str, float]], replicates: int = 1, draws: int = 1) -> _Comparison:
    """One world a setting of policies, sharing all noise; the first is the factual world.

    Args:
        settings: World name -> policy -> value; a policy that a setting does not name keeps the model's own
            value there.
        replicates: As in `Worlds`.
        draws: As in `Worlds`.

    Returns:
        A context manager that gives the `Worlds`, made anew each time that it is entered.

    Raises:
        ValueError: no setting; a value that a policy cannot hold; a policy that the model does not have, before the
            simulation begins.

    >>> from causal_lpm import policy
    >>> with comparing({"standard": {}, "delayed": {"dose_interval": 84.0}}) as worlds:
    ...     policy("dose_interval", 21).flatten()
    tensor([21., 84.])
    >>> worlds.names
    ['standard', 'delayed']
    """
    if not settings:
        raise ValueError("there is no setting to compare: give at least the factual world, as {'factual': {}}.")
    for world, setting in settings.items():
        for name, value in setting.items():
            number = single_precision(f"policy {name!r} of world {world!r}", value)
            if number.numel() != 1:
                raise ValueError(f"policy {name!r} of world {world!r} is {value}: give one number a world.")
    return _Comparison(settings, replicates, draws)

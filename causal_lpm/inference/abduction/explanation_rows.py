"""One run of a search for causes: draws (or paths) side by side, in three worlds, with random sets of candidates."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyro
import torch
from chirho.explainable.handlers import SearchForExplanation
from chirho.observational.handlers.predictive import BatchedLatents
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_factor, site_is_subsample

from causal_lpm.handlers import KeyedNoise, Worlds
from causal_lpm.inference.abduction.explanation_worlds import FACTUAL, KEPT, PREFIX, WITHOUT, Cases, SearchWorlds
from causal_lpm.inference.program.evaluation import ELEMENTWISE, torch_seed
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["OUTCOME", "Asked", "Candidate", "Replayed", "Seen", "Search", "by_row", "fresh"]

OUTCOME = "__outcome__"

Asked: TypeAlias = str | Callable[[Any], Any]
"""A named site, or a function of what the model returns."""

Array = npt.NDArray[Any]


class Replayed(Protocol):
    """An epidemic that was inferred and can run again."""

    def replay(self) -> AbstractContextManager[Any]:
        """Under it the model has the parameters and the luck of all paths, `[paths, 1]`, and no worlds."""
        ...


@dataclass(frozen=True)
class Candidate:
    """What a site might have been instead, and what it must have been to be a cause.

    Attributes:
        alternative: A number, a tensor `[agents]` or a function of the factual value, as `do` takes it.
        cause: Likewise; by default whatever the site was, if that is not the alternative.

    >>> Candidate(alternative=0.0, cause=1.0)
    Candidate(alternative=0.0, cause=1.0)
    """

    alternative: Any
    cause: Any = None


class Seen(Messenger):
    """Keeps the values of some sites as the model gets them, and the names of all; it stands innermost.

    Attributes:
        values: Wanted site -> its value.
        event_dims: Every site -> its dimensions right of the agents.
        given: Sites whose value the model gives itself: data and factors.
        rows: The largest second last dimension of a site, which is that of the paths.
        agents: The most agents of any state.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        super().__init__()
        self._wanted = frozenset(wanted)
        self.values: dict[str, torch.Tensor] = {}
        self.event_dims: dict[str, int] = {}
        self.given: list[str] = []
        self.rows, self.agents = 1, 1

    def _pyro_rollout(self, msg: Any) -> None:
        self.agents = max([self.agents, *(entry.shape[-1] for entry in msg["args"][1].values())])

    def _pyro_post_sample(self, msg: Any) -> None:
        if site_is_subsample(msg):
            return
        name, shape = msg["name"], msg["fn"].batch_shape
        self.event_dims[name] = msg["fn"].event_dim
        self.rows = max([self.rows, *shape[-2:-1]])
        if (msg["is_observed"] and not msg["infer"].get("_deterministic")) or site_is_factor(msg):
            self.given.append(name)
        if name in self._wanted:
            self.values[name] = msg["value"]

    def answer(self, asked: Asked, returned: Any) -> Any:
        """The value of a wanted site, or of a function of what the model returned."""
        return self.values[asked] if isinstance(asked, str) else asked(returned)


@contextmanager
def fresh(worlds: Worlds, rows: int, seed: int) -> Iterator[None]:
    """Under it `rows` draws of the prior run side by side, each with luck of its own."""
    seeds = torch.tensor([replicate_seed(seed, row) for row in range(rows)])[:, None]
    with torch_seed(seed), worlds, BatchedLatents(rows, name="draws"), KeyedNoise(seeds):
        yield


@dataclass(frozen=True)
class Search:
    """Number of a run -> its traces.

    Attributes:
        model: A Pyro program without arguments.
        abduction: Whose paths run again; None draws from the prior.
        asked: `OUTCOME` and further measures -> a site, or a function of what the model returns.
        candidates: Site -> what it might have been.
        witnesses: Sites that may be held.
        changed: Probability that a draw changes a candidate.
        held: Probability that a draw holds a witness.
        rows: Draws or paths side by side.
        seed: Of everything that is drawn.
    """

    model: Model
    abduction: Replayed | None
    asked: Mapping[str, Asked]
    candidates: Mapping[str, Candidate]
    witnesses: Sequence[str]
    changed: float
    held: float
    rows: int
    seed: int

    def __call__(self, number: int) -> dict[str, Array]:
        """What is asked `[row, world]`, `present` and `changed` `[row, candidate]`, `held` `[row, witness]`."""
        seed = replicate_seed(self.seed, number)
        random = np.random.default_rng(seed)
        changed, held = (
            {name: torch.tensor(_share(random, self.rows, probability)) for name in names}
            for names, probability in ((self.candidates, self.changed), (self.witnesses, self.held))
        )
        worlds = SearchWorlds(self.candidates, self.rows)
        seen = Seen({*self.candidates, *(site for site in self.asked.values() if isinstance(site, str))})
        with torch.no_grad(), self._drawn(worlds, seed), self._query({n: ~c for n, c in changed.items()}, held), seen:
            found = self._run(seen)
            present = [self._present(name, worlds, seen) for name in self.candidates]
        return {
            **{name: value.T for name, value in found.items()},
            "present": np.stack(present, 1),
            "changed": np.stack([each.numpy() for each in changed.values()], 1),
            "held": np.stack([each.numpy() for each in held.values()] or [np.zeros((self.rows, 0), bool)], -1).reshape(
                self.rows, -1
            ),
        }

    @contextmanager
    def _drawn(self, worlds: Worlds, seed: int) -> Iterator[None]:
        if self.abduction is None:
            with fresh(worlds, self.rows, seed):
                yield
        else:
            with torch_seed(seed), self.abduction.replay(), worlds:  # reports that nobody observes are drawn
                yield

    @contextmanager
    def _query(self, unchanged: Mapping[str, torch.Tensor], held: Mapping[str, torch.Tensor]) -> Iterator[None]:
        sites = [*self.candidates, *self.witnesses, OUTCOME]
        search = SearchForExplanation(
            supports=dict.fromkeys(sites, torch.distributions.constraints.real),
            antecedents={name: candidate.cause for name, candidate in self.candidates.items()},
            consequents={OUTCOME: None},
            witnesses=dict.fromkeys(self.witnesses),
            alternatives={name: candidate.alternative for name, candidate in self.candidates.items()},
            factors={OUTCOME: _log_explained},
            antecedent_bias=0.5 - self.changed,
            witness_bias=self.held - 0.5,
            prefix=PREFIX,
        )
        with Cases(unchanged, held), search:
            yield

    def _run(self, seen: Seen) -> dict[str, Array]:
        """What is asked, `[world, row]`."""
        returned = self.model()
        found = {}
        for name, asked in self.asked.items():
            value = by_row(name, seen.answer(asked, returned), self.rows)
            pyro.deterministic(name, value, event_dim=0)
            array = value.squeeze(-1).expand(3, self.rows).cpu().numpy()
            found[name] = array != 0 if name == OUTCOME else array.astype(np.float64)
        return found

    def _present(self, name: str, worlds: SearchWorlds, seen: Seen) -> Array:
        """In which draws a candidate was as its cause says, `[row]`."""
        candidate, event_dim = self.candidates[name], seen.event_dims[name]
        was = worlds.take(seen.values[name], FACTUAL, event_dim)
        if candidate.cause is None:
            other = candidate.alternative(was.clone()) if callable(candidate.alternative) else candidate.alternative
            differs = was != torch.as_tensor(other, device=was.device)
            return _of_rows(differs, event_dim, self.rows)
        differs = was != torch.as_tensor(candidate.cause, device=was.device)
        return ~_of_rows(differs, event_dim, self.rows)


def _share(random: np.random.Generator, rows: int, probability: float) -> Array:
    """Truth values `[rows]` in random order, of which the expected number (up to rounding) are true."""
    return random.permutation(np.arange(rows) < np.floor(probability * rows + random.random()))


def by_row(name: str, value: Any, rows: int) -> torch.Tensor:
    """`[1 or worlds, 1 or rows, 1]` of one number a draw and world, or one for all draws.

    Raises:
        ValueError: another shape; a number alone, which may be that of all draws together; an outcome that is neither 0
            nor 1.
    """
    given, what = torch.as_tensor(value).detach(), "the outcome" if name == OUTCOME else f"measure {name!r}"
    same = given.numel() in (1, 3) and (given.dim() > 2 or given.numel() != rows)
    if given.numel() not in (rows, 3 * rows) and not (same and given.dim()):
        raise ValueError(
            f"{what} has shape {tuple(given.shape)} for {rows} draws side by side: give one number a draw, as "
            f"run.tallies['cases'].sum((-1, -2)) > 100; and {ELEMENTWISE}"
        )
    if name == OUTCOME and bool((odd := (given != 0) & (given != 1)).any()):
        raise ValueError(f"the outcome is {float(given[odd][0]):g} in a draw: give a truth value, as sum > 100.")
    return given.reshape(-1, 1 if same else rows, 1).double()


def _of_rows(differs: torch.Tensor, event_dim: int, rows: int) -> Array:
    """Whether anything differs in a draw, `[rows]`."""
    by_row = differs.movedim(-2 - event_dim, 0) if differs.dim() >= 2 + event_dim else differs[None]
    one: Array = by_row.reshape(len(by_row), -1).any(1).expand(rows).cpu().numpy()
    return one


def _log_explained(outcome: torch.Tensor) -> Any:
    """The log weight of the search: 0 where the outcome is there with the set kept and gone without it."""
    there = outcome.expand(3, *outcome.shape[1:]) != 0
    # A list, because ChiRho copies it into a tensor, which of a tensor gives a warning.
    return torch.where(there[KEPT] & ~there[WITHOUT], 0.0, -torch.inf).tolist()

"""Three worlds on one dimension against ChiRho's three for each candidate, for the same random sets."""

import pyro
import pyro.distributions as dist
import torch
from chirho.explainable.handlers import SearchForExplanation
from chirho.indexed.ops import IndexSet, gather
from chirho.observational.handlers.predictive import BatchedLatents
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import constraints

from causal_lpm import ProductWorlds
from causal_lpm.inference.abduction.explanation_worlds import PREFIX, Cases, SearchWorlds

CANDIDATES, WITNESSES = ("a", "b", "c"), ("u", "v")
ROWS = 5
CAUSES = {"a": 1.0, "b": 2.0, "c": -1.0}


def model() -> torch.Tensor:
    """Candidate b comes of a, and c of the witness u; all reach the outcome, u and v among other ways."""
    a = pyro.sample("a", dist.Normal(0.0, 1.0))
    b = pyro.deterministic("b", 2 * a + 1, event_dim=0)
    u = pyro.deterministic("u", a * b, event_dim=0)
    c = pyro.deterministic("c", u - 3, event_dim=0)
    v = pyro.deterministic("v", b + c, event_dim=0)
    return pyro.deterministic("y", a + 3 * b + 5 * u + 7 * c + 11 * v, event_dim=0)


bits = st.lists(st.booleans(), min_size=ROWS, max_size=ROWS).map(torch.tensor)


@given(st.fixed_dictionaries(dict.fromkeys(CANDIDATES, bits)), st.fixed_dictionaries(dict.fromkeys(WITNESSES, bits)))
def test_the_three_worlds_are_the_diagonal_of_chirhos(
    unchanged: dict[str, torch.Tensor], held: dict[str, torch.Tensor]
) -> None:
    found = []
    for worlds in (SearchWorlds(CANDIDATES, ROWS), ProductWorlds(draws=ROWS)):
        search = SearchForExplanation(
            supports=dict.fromkeys((*CANDIDATES, *WITNESSES, "y"), constraints.real),
            antecedents={name: torch.tensor(value) for name, value in CAUSES.items()},
            alternatives={name: torch.tensor(0.0) for name in CANDIDATES},
            consequents={"y": None},
            witnesses=dict.fromkeys(WITNESSES),
            factors={"y": lambda _: 0.0},
            prefix=PREFIX,
        )
        pyro.set_rng_seed(3)
        with worlds, BatchedLatents(ROWS, name="draws"), Cases(unchanged, held), search:
            y = model()
            dims = ("world",) if isinstance(worlds, SearchWorlds) else CANDIDATES
            found.append([gather(y, IndexSet(**{dim: {i} for dim in dims})).flatten() for i in range(3)])
    for ours, theirs in zip(*found, strict=True):
        assert torch.equal(ours, theirs)

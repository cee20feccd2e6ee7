from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.agents import Archetypes, Population

LABELS = {"age": ("young", "middle", "old"), "sex": ("female", "male"), "borough": ("Bronx", "Queens", "Nowhere")}


@st.composite
def populations(draw: st.DrawFn) -> Population:
    agents = draw(st.integers(1, 40))
    dtype = draw(st.sampled_from([torch.uint8, torch.int16, torch.int32, torch.int64]))
    columns = {
        name: draw(
            st.lists(st.integers(0, 1 if name == "borough" else len(labels) - 1), min_size=agents, max_size=agents)
        )
        for name, labels in LABELS.items()
    }
    return Population({name: torch.tensor(column, dtype=dtype) for name, column in columns.items()}, LABELS)


names = st.permutations(list(LABELS)).flatmap(lambda order: st.sampled_from([order[:1], order[:2], order]))


@given(populations(), names)
def test_every_agent_has_the_labels_of_its_archetype(people: Population, by: list[str]) -> None:
    kinds = Archetypes.from_columns(people, by, minimum=1)
    for name in by:
        assert torch.equal(kinds.of(name)[kinds.index.long()], people[name].long())
    cells = [tuple(kind[name] for name in by) for kind in kinds.labels]
    each = [tuple(LABELS[name][int(people[name][i])] for name in by) for i in range(people.size)]
    assert len(set(cells)) == len(cells) == len(kinds)
    assert dict(zip(cells, kinds.counts.tolist(), strict=True)) == Counter(each)
    assert (kinds.index.dtype, kinds.codes.dtype, kinds.counts.dtype) == (torch.int32, torch.int64, torch.int64)


@given(populations(), names, st.randoms(use_true_random=False))
def test_the_order_of_agents_and_of_attributes_changes_no_label(
    people: Population, by: list[str], order: object
) -> None:
    shuffled = torch.randperm(people.size)
    other = Population({name: people[name][shuffled] for name in people}, LABELS)
    kinds = Archetypes.from_columns(people, by, minimum=1)
    others = Archetypes.from_columns(other, by[::-1], minimum=1)
    for i, agent in enumerate(shuffled.tolist()):
        assert others.labels[int(others.index[i])] == kinds.labels[int(kinds.index[agent])]


@given(populations(), names)
def test_features_are_centred_and_tell_archetypes_apart(people: Population, by: list[str]) -> None:
    kinds = Archetypes.from_columns(people, by, minimum=1)
    assert kinds.features.shape == (len(kinds), len(kinds.feature_names))
    assert kinds.features.dtype == torch.float32
    assert torch.allclose(kinds.features.sum(0), torch.zeros(len(kinds.feature_names)), atol=1e-4)
    assert len({tuple(row) for row in kinds.features.tolist()}) == len(kinds)
    for name, column in zip(kinds.feature_names, kinds.features.T, strict=True):
        attribute, label = name.split(": ")
        inside = kinds.of(attribute) == LABELS[attribute].index(label)
        assert bool(inside.any())
        assert torch.allclose(column, inside.float() - inside.float().mean())


def refused(people: Population, by: list[str], match: str, **kwargs: int) -> None:
    with pytest.raises(ValueError, match=match):
        Archetypes.from_columns(people, by, **kwargs)


def test_what_makes_no_archetypes_is_refused() -> None:
    people = Population(
        {"age": torch.tensor([0, 1] * 20), "income": torch.arange(40.0), "notes": torch.arange(40)},
        {"age": ("young", "old"), "notes": tuple(f"note {i}" for i in range(1_001))},
    )
    assert len(Archetypes.from_columns(people, ["age"])) == 2
    refused(people, [], "by no attribute")
    refused(people, "age", r"give a list of attributes, such as \['age'\]")  # type: ignore[arg-type]
    refused(people, ["age", "age"], "appears twice")
    refused(people, ["agee"], "did you mean 'age'")
    refused(people, ["age", "income"], "'income' has no labels")
    refused(people, ["notes"], "1001 labels, as free text has")
    refused(people, ["age"], "minimum is 0", minimum=0)


@pytest.mark.parametrize("twin", ["Old", "old ", "o\u200bld", "old\ufe0f", "\u2800old"])
def test_labels_that_look_the_same_are_no_two_kinds(twin: str) -> None:
    people = Population({"age": torch.tensor([0, 1] * 20)}, {"age": ("old", twin)})
    refused(people, ["age"], "but for case or invisible characters: merge them")


def test_small_cells_are_refused_by_their_labels() -> None:
    people = Population({"age": torch.tensor([0] * 30 + [1] * 9)}, {"age": ("young", "old")})
    refused(people, ["age"], r"1 of 2 archetypes have fewer than 10 agents, the least 9 \(old\)")
    assert len(Archetypes.from_columns(people, ["age"], minimum=9)) == 2


def test_too_many_combinations_are_refused_before_they_are_counted() -> None:
    columns = {f"x{i}": torch.zeros(3, dtype=torch.uint8) for i in range(8)}
    people = Population(columns, {name: tuple(map(str, range(100))) for name in columns})
    refused(people, list(columns), "10000000000000000 possible combinations")

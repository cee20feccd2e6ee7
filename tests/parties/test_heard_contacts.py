"""Sums over contacts that nobody knows are those over the contacts, and nobody learns who heard whom."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from causal_lpm import KeyedNoise, event, exposure, rollout, tally
from causal_lpm.agents import Population, random_graph
from causal_lpm.handlers.private.additive import Additive
from causal_lpm.handlers.private.in_process import together
from causal_lpm.handlers.private.messenger import Private
from causal_lpm.handlers.private.sharing import share
from causal_lpm.parties import Recordings, simulate_recordings
from causal_lpm.parties.heard_contacts import HeardContacts
from causal_lpm.parties.oblivious_shuffle import shuffle
from tests.handlers.private.runs import Exact

AGENTS, DAYS = 60, 5
CONTACTS = random_graph(AGENTS, mean_degree=5, seed=3)
STAGE = (torch.arange(AGENTS) % 9 == 0).to(torch.uint8)


def blocks_of(parties: int) -> list[tuple[int, int]]:
    return list(itertools.pairwise(AGENTS * rank // parties for rank in range(parties + 1)))


def epidemic(stage: torch.Tensor, contacts: Any) -> torch.Tensor:
    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        ill = s["stage"] == 1
        infected = event("infection", 0.2 * exposure(contacts, ill), where=s["stage"] == 0)
        tally("cases", infected)
        return {"stage": s["stage"] + infected + event("recovery", 0.2, where=ill)}

    return rollout(day, {"stage": stage}, DAYS).tallies["cases"]


@pytest.mark.parametrize("parties", [2, 3])
def test_an_epidemic_over_tokens_is_that_over_contacts(parties: int) -> None:
    recordings, blocks = simulate_recordings(CONTACTS, DAYS), blocks_of(parties)
    clear = KeyedNoise(1)(epidemic)(STAGE, CONTACTS)

    def run(channel: Any) -> torch.Tensor:
        layer = Additive(channel)
        own = slice(*blocks[channel.rank])
        heard = HeardContacts(recordings.of(*blocks[channel.rank]), layer, blocks, recordings.slots)
        with KeyedNoise(1), Private(layer, "public", Exact(), {"stage": 3}, blocks):
            return epidemic(share(layer, STAGE[own], blocks, 0, 2), heard)

    assert all(torch.equal(cases, clear) for cases in together(parties, run))
    assert int(clear.sum()) > 5


@settings(max_examples=15)
@given(st.integers(2, 4), st.integers(1, 8), st.integers(1, 3), st.integers(1, 3))
def test_a_shuffle_keeps_rows_whole_and_leads_back(parties: int, rows: int, columns: int, back: int) -> None:
    table, other = torch.arange(rows * columns).view(rows, columns), torch.arange(rows * back).view(rows, back)

    def run(channel: Any) -> list[torch.Tensor]:
        layer = Additive(channel)
        mixed = shuffle(layer, layer.public(table).clone(), back)
        (opened,) = layer.open(mixed.rows)
        order = opened[:, 0] // columns  # public here, so that rows can be told apart
        return [opened, *layer.open(mixed.back(layer.public(other[order]).clone()))]

    for opened, restored in together(parties, run):
        assert sorted(opened.tolist()) == table.tolist()
        assert torch.equal(restored, other)


def test_every_order_is_as_likely_as_any_other() -> None:
    # Chi-square of 24 orders at 1e-6.
    def run(channel: Any) -> list[tuple[int, ...]]:
        layer = Additive(channel)
        table = layer.public(torch.arange(4)[:, None]).clone()
        return [tuple(layer.open(shuffle(layer, table, 1).rows)[0][:, 0].tolist()) for _ in range(480)]

    orders = together(2, run)[0]
    counts = [orders.count(order) for order in itertools.permutations(range(4))]
    assert stats.chisquare(counts).pvalue > 1e-6


def test_what_a_party_hears_in_a_shuffle_is_uniform_whatever_the_rows_are() -> None:
    # Chi-square of 256 byte values at 1e-6, for each party and table.
    for value in (0, 7):

        def run(channel: Any, value: int = value) -> torch.Tensor:
            layer = Additive(channel)
            channel.heard = []
            mixed = shuffle(layer, layer.public(torch.full((500, 2), value)).clone(), 1)
            mixed.back(layer.public(torch.full((500, 1), value)).clone())
            return torch.cat([x.reshape(-1).view(torch.uint8) for x in channel.heard])

        for heard in together(2, run):
            assert heard.numel() > 15_000
            assert stats.chisquare(torch.bincount(heard.long(), minlength=256).numpy()).pvalue > 1e-6


def test_tokens_rotate_and_no_seed_fixes_them() -> None:
    torch.manual_seed(1)
    first = simulate_recordings(CONTACTS, 3)
    torch.manual_seed(1)
    second = simulate_recordings(CONTACTS, 3)
    assert len(torch.cat([first.sent.flatten(), second.sent.flatten()]).unique()) == 2 * 3 * AGENTS
    assert int(first.there.sum()) == 3 * len(CONTACTS.neighbours)


def test_recordings_are_kept_as_parquet(tmp_path: Path) -> None:
    own = simulate_recordings(CONTACTS, 2).of(10, 30)
    own.save(tmp_path / "tokens.parquet")
    read = Recordings.load(tmp_path / "tokens.parquet")
    assert torch.equal(read.sent, own.sent)
    for day, agent in itertools.product(range(2), range(20)):
        assert sorted(read.heard[day, agent][read.there[day, agent]]) == sorted(
            own.heard[day, agent][own.there[day, agent]]
        )


def test_another_file_than_of_recordings_is_refused(tmp_path: Path) -> None:
    Population({"stage": torch.zeros(3, dtype=torch.uint8)}).save(tmp_path / "people.parquet")
    with pytest.raises(ValueError, match=r"people\.parquet has no column 'day': recordings have day, agent, token"):
        Recordings.load(tmp_path / "people.parquet")
    one = torch.zeros(1, dtype=torch.int64)
    Population({"day": one, "agent": one, "token": one, "heard": one}).save(tmp_path / "numbers.parquet")
    with pytest.raises(ValueError, match=r"numbers\.parquet: give day, agent and token as whole numbers, and heard as"):
        Recordings.load(tmp_path / "numbers.parquet")


def test_what_does_not_fit_is_refused() -> None:
    recordings = simulate_recordings(CONTACTS, 2)

    def run(channel: Any) -> None:
        layer, blocks = Additive(channel), blocks_of(2)
        with pytest.raises(ValueError, match="give each agent its own"):
            HeardContacts(recordings, layer, blocks, recordings.slots)
        heard = HeardContacts(recordings.of(*blocks[channel.rank]), layer, blocks, recordings.slots)
        with pytest.raises(ValueError, match="secrets alone"):
            heard.total(torch.ones(AGENTS))
        with pytest.raises(ValueError, match="recorded for the days 0 to 1"):
            heard.total(layer_secret(layer, blocks))

    together(2, run)
    with pytest.raises(ValueError, match="give"):
        Recordings(recordings.sent[:, 1:], recordings.heard, recordings.there)


def layer_secret(layer: Additive, blocks: list[tuple[int, int]]) -> torch.Tensor:
    return share(layer, STAGE[slice(*blocks[layer.rank])], blocks)

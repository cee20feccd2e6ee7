"""Several parties in one process: one runs at a time, with its own handlers, and errors end all of them."""

from typing import Any

import pytest
import torch

from causal_lpm import KeyedNoise, exogenous
from causal_lpm.handlers.private.channel import Request
from causal_lpm.handlers.private.dealing import Dealer
from causal_lpm.handlers.private.in_process import InProcess, together
from causal_lpm.handlers.private.masks import fresh_key
from causal_lpm.ops.pyro_stack import handlers_in_force


def test_messages_go_from_point_to_point() -> None:
    def run(channel: InProcess) -> dict[int, int]:
        after = (channel.rank + 1) % channel.parties
        got = channel.exchange({after: torch.tensor([10 + channel.rank])})
        return {rank: int(x) for rank, x in got.items()}

    assert together(3, run) == [{2: 12}, {0: 10}, {1: 11}]


def test_what_is_sent_is_counted() -> None:
    def run(channel: InProcess) -> Any:
        channel.to_all(torch.zeros(5, dtype=torch.int16))
        return channel.cost

    assert [(cost.rounds, cost.sent) for cost in together(3, run)] == [(1, 20)] * 3


def test_each_party_has_its_own_handlers() -> None:
    def run(channel: InProcess) -> torch.Tensor:
        with KeyedNoise(channel.rank):
            channel.to_all(torch.zeros(1))
            assert len(handlers_in_force()) == 1
            return exogenous("x", 3)

    with KeyedNoise(9):
        noise = together(2, run)
        assert len(handlers_in_force()) == 1
    for rank, values in enumerate(noise):
        with KeyedNoise(rank):
            assert torch.equal(values, exogenous("x", 3))


def test_an_error_of_one_party_is_raised() -> None:
    def run(channel: InProcess) -> None:
        if channel.rank == 1:
            raise ValueError("party 1 has had enough")
        channel.to_all(torch.zeros(1))

    with pytest.raises(ValueError, match="had enough"):
        together(3, run)
    assert not handlers_in_force()


def test_a_party_that_ends_early_is_named() -> None:
    def run(channel: InProcess) -> None:
        for _ in range(2 if channel.rank == 1 else 3):
            channel.to_all(torch.zeros(1))

    with pytest.raises(ValueError, match=r"party 1 ended while party \d waited"):
        together(2, run)


def test_a_dealer_deals_no_mask_twice() -> None:
    dealer = Dealer(2)
    request = Request("product", (3,), 0)
    with pytest.raises(ValueError, match="met 0 of 2"):
        dealer.answer(request)
    for rank in range(2):
        dealer.meet(rank, fresh_key())
    assert dealer.answer(request).shape == (3,)
    with pytest.raises(ValueError, match="no mask is dealt twice"):
        dealer.answer(request)
    with pytest.raises(ValueError, match="unknown kind"):
        dealer.answer(Request("products", (3,), 1))
    with pytest.raises(ValueError, match="met party 1 already"):
        dealer.meet(1, fresh_key())

"""CrypTen's products over our channel, and what its own dealer would give away."""

import sys
from typing import Any

import pytest
import torch

from causal_lpm import CrypTen, KeyedNoise
from causal_lpm.agents import Population
from causal_lpm.handlers.private import crypten_layer
from causal_lpm.handlers.private.in_process import InProcess, together
from tests.handlers.private.runs import AGENTS, Party, clear_epidemic, contacts_of, epidemic, ill, split

needed = pytest.mark.skipif(not crypten_layer.crypten_is_here(), reason="CrypTen is not installed: make venv-private")
SECRETS = torch.tensor([3, 1, 41])


@needed
@pytest.mark.parametrize("parties", [2, 3])
def test_products_are_those_of_crypten(parties: int) -> None:
    x, y = torch.tensor([3, -5, 2**40]), torch.tensor([[7], [-1]])

    def run(channel: InProcess) -> Any:
        layer = CrypTen(channel)
        products = layer.product((split(layer, x), split(layer, y)), (split(layer, x), split(layer, x)))
        return layer.open(*products), layer.cost.rounds

    for (first, second), rounds in together(parties, run):
        assert torch.equal(first, x * y)
        assert torch.equal(second, x * x)
        assert rounds == 3  # keys, products, opening
    assert "onnx" not in sys.modules


@needed
@pytest.mark.parametrize("parties", [2, 3])
def test_the_epidemic_of_the_readme_on_crypten(parties: int) -> None:
    def run(channel: InProcess) -> torch.Tensor:
        party = Party(CrypTen(channel), AGENTS)
        people = Population({"stage": party.share(ill(), 0, 2)})
        with KeyedNoise(1), party.private(small={"stage": 3}):
            return epidemic(people, contacts_of(), 10).tallies["cases"]

    assert all(torch.equal(cases, clear_epidemic(10)) for cases in together(parties, run))


@needed
def test_party_0_reads_all_inputs_where_it_deals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under CrypTen's default provider: a party 0 that only looks into its own memory has x = (x - a) + a."""
    heard: dict[int, list[torch.Tensor]] = {}

    def run(channel: InProcess) -> torch.Tensor:
        layer = CrypTen(channel, provider="TFP", insecure_for_tests=True)
        from crypten.mpc.provider import tfp_provider

        drawn = tfp_provider.generate_random_ring_element

        def remembered(*args: Any, **options: Any) -> torch.Tensor:
            made: torch.Tensor = drawn(*args, **options)
            if channel.rank == 0:
                heard.setdefault(0, []).append(made)
            return made

        opened = layer.open

        def listening(*shares: torch.Tensor) -> list[torch.Tensor]:
            values = opened(*shares)
            if channel.rank == 0:
                heard.setdefault(1, []).append(values[0])
            return values

        monkeypatch.setattr(layer, "open", listening)
        with monkeypatch.context() as patch:
            patch.setattr(tfp_provider, "generate_random_ring_element", remembered)
            x = SECRETS if channel.rank == 1 else torch.zeros_like(SECRETS)  # party 1's alone
            layer.product((x, x))
        return heard[1][0] + heard[0][0] if channel.rank == 0 else x

    read, *_ = together(3, run)
    assert torch.equal(read, SECRETS)


@pytest.mark.parametrize("provider", ["TFP", "TTP"])
def test_an_insecure_provider_is_refused(provider: str) -> None:
    with pytest.raises(ValueError, match="party 0 deals and reads the inputs"):
        together(2, lambda channel: CrypTen(channel, provider=provider))


def test_without_crypten_the_layer_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypten_layer, "crypten_is_here", lambda: False)
    with pytest.raises(ModuleNotFoundError, match="make venv-private"):
        together(2, CrypTen)

import dataclasses
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference import interval_coverage_gate, sbc_gate, sbc_ranks
from causal_lpm.inference.posteriors.neural import FLOWS, Frame, NeuralPosterior, Training, train_npe
from causal_lpm.inference.posteriors.sbi_tools import require_sbi
from tests.inference.calibration.conjugate import SMALL


class Gaussian:
    """A density estimator as sbi's: normal around the first feature."""

    def __init__(self, shift: float) -> None:
        self.shift = shift

    def log_prob(self, u: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        return torch.distributions.Normal(condition[:, :1] + self.shift, 1.0).log_prob(u).sum(-1)

    def sample(self, shape: tuple[int, ...], condition: torch.Tensor) -> torch.Tensor:
        return condition[:, :1] + self.shift + torch.randn(*shape, len(condition), 1)


@given(st.lists(st.floats(-3, 3, width=32), min_size=8, max_size=8))
def test_a_frame_can_be_left_as_it_was_entered(numbers: list[float]) -> None:
    features = torch.tensor(numbers).reshape(2, 4)
    frame = Frame(2, guided=True)
    z = torch.linspace(-2, 2, 12).reshape(3, 2, 2)
    u, log_volume = frame.enter(z, features)
    torch.testing.assert_close(frame.leave(u, features), z, atol=1e-3, rtol=1e-3)
    for row in range(2):
        one = torch.autograd.functional.jacobian(lambda v, row=row: frame.enter(v, features)[0][0, row], z[:1])
        slope = one.reshape(2, 1, 2, 2)[:, 0, row]
        assert float(torch.linalg.slogdet(slope).logabsdet) == pytest.approx(float(log_volume[row]), abs=1e-3)


def test_a_plain_frame_leaves_z_as_it_is() -> None:
    z, features = torch.ones(3, 2, 1), torch.ones(2, 5)
    assert Frame(1).enter(z, features)[0] is z
    assert not Frame(1).enter(z, features)[1].any()
    assert Frame(1).leave(z, features) is z


def test_an_ensemble_is_the_even_mixture_of_its_members() -> None:
    posterior = NeuralPosterior([Gaussian(-2.0), Gaussian(2.0)], Frame(1))
    features = torch.tensor([[0.0], [1.0]])
    z = torch.tensor([[[0.5], [0.5]]])
    members = posterior.log_probs(z, features)
    assert members.shape == (2, 1, 2)
    torch.testing.assert_close(posterior.log_prob(z, features), members.exp().mean(0).log())
    drawn = posterior.sample(2001, features, seed=1)
    assert drawn.shape == (2001, 2, 1)
    assert torch.equal(drawn, posterior.sample(2001, features, seed=1))
    # Half of each: standard deviation sqrt(1 + 4), standard error of the mean 0.05.
    torch.testing.assert_close(drawn.mean(0), features, atol=0.2, rtol=0)
    torch.testing.assert_close(drawn.std(0), torch.full((2, 1), 5**0.5), atol=0.15, rtol=0)


def pairs(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Parameters of a standard normal prior, and exact features of four normal numbers around each: their mean."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, 1, generator=generator)
    return z, z + 0.5 * torch.randn(n, 1, generator=generator)


def test_npe_with_exact_features_is_calibrated_and_near_the_exact_posterior() -> None:
    posterior = train_npe(*pairs(1000, 0), members=2, training=SMALL)
    truth, features = pairs(300, 1)
    draws = posterior.sample(399, features, seed=2).numpy()
    ranks = sbc_ranks(draws, truth.numpy())
    # A fixed seed; with another one each fails about once in 125 if the posterior is exact.
    assert sbc_gate(ranks, 399).verdict != "fail"
    assert interval_coverage_gate(ranks, 399).verdict != "fail"
    mean, sd = features.numpy() / 1.25, (1 / 5) ** 0.5
    assert np.abs(draws.mean(0) - mean).mean() < 0.15 * sd
    assert draws.std(0).mean() == pytest.approx(sd, rel=0.1)


def test_training_depends_on_its_seed_alone_and_leaves_no_trace(
    tmp_path: object, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    quick = dataclasses.replace(SMALL, epochs=2)
    before = torch.get_rng_state()
    told: list[tuple[int, int]] = []
    one, same, other = (
        train_npe(*pairs(60, 0), members=2, seed=seed, training=quick, progress=lambda done, n: told.append((done, n)))
        for seed in (2**63 - 1, 2**63 - 1, 5)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert told == 3 * [(1, 2), (2, 2)]
    features = torch.zeros(1, 1)
    assert torch.equal(one.sample(5, features, 0), same.sample(5, features, 0))
    assert not torch.equal(one.sample(5, features, 0), other.sample(5, features, 0))
    members = one.sample_members(5, features, 0)
    assert not torch.equal(members[0], members[1])
    assert capsys.readouterr().out == ""
    import pathlib

    assert not list(pathlib.Path.cwd().iterdir())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"flow": "mafs"}, "unknown flow 'mafs': did you mean 'maf'?"),
        ({"hidden": 0}, "hidden is 0"),
        ({"epochs": -1}, "epochs is -1"),
        ({"learning_rate": 0.0}, "the learning rate is 0.0"),
    ],
)
def test_training_that_cannot_be_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Training(**wrong)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("flow", FLOWS)
def test_every_flow_trains(flow: str) -> None:
    quick = dataclasses.replace(SMALL, flow=flow, epochs=2)
    z, features = (torch.cat([part, part.flip(0)], 1) for part in pairs(80, 0))
    posterior = train_npe(z, features, members=1, training=quick)
    drawn = posterior.sample(7, features[:2], 0)
    assert drawn.shape == (7, 2, 2)
    assert posterior.log_prob(drawn, features[:2]).isfinite().all()


def test_too_few_simulations_are_refused() -> None:
    with pytest.raises(ValueError, match="19 simulations cannot train a posterior"):
        train_npe(*pairs(19, 0))


def test_without_sbi_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sbi", None)
    with pytest.raises(ModuleNotFoundError, match=r"method 'npe' needs sbi: .* pip install .*\[inference\]'"):
        require_sbi("npe")

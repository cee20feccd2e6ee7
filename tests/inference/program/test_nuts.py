import numpy as np
import pytest
import torch
from scipy.stats import gamma, kstest

from causal_lpm.inference.program.nuts import Density, Drawn, Luck, transitions

Tensor = torch.Tensor


def correlated(size: int, seed: int = 0) -> tuple[Tensor, Density]:
    """A normal density and its covariance."""
    root = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) / size**0.5
    covariance = root @ root.T + 0.3 * torch.eye(size, dtype=torch.float64)
    precision = torch.linalg.inv(covariance)

    def density(points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        slopes = -(points[:, None, :] * precision).sum(-1)  # row by row the same, whatever stands beside it
        return (points * slopes).sum(-1) / 2, slopes

    return covariance, density


def chains(density: Density, rows: int, size: int, draws: int, step: float, first: int = 0) -> Drawn:
    start = torch.zeros(rows, size, dtype=torch.float64)
    steps = torch.full((rows,), step, dtype=torch.float64)
    return transitions(density, start, steps, draws, Luck(range(first, first + rows)))


def test_draws_have_the_moments_of_a_correlated_normal_density() -> None:
    covariance, density = correlated(10)
    drawn = chains(density, 8, 10, 1000, 0.4).points.flatten(0, 1)
    deviation = covariance.diagonal().sqrt()
    # With over 2,000 effective draws a mean is off by 0.022 deviations, a variance by 3.2%: bounds are 4 of these.
    assert float((drawn.mean(0) / deviation).abs().max()) < 0.09
    assert (
        float(
            (torch.cov(drawn.T) / torch.outer(deviation, deviation) - covariance / torch.outer(deviation, deviation))
            .abs()
            .max()
        )
        < 0.13
    )


def test_draws_of_a_skewed_density_are_exact() -> None:
    def density(points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:  # the log of a Gamma(2)
        return (2 * points - points.exp()).sum(-1), 2 - points.exp()

    drawn = chains(density, 20, 1, 1000, 1.2).points[:, ::10].exp().flatten()
    assert kstest(drawn.numpy(), gamma(2).cdf).pvalue > 1e-3  # false alarms: 1 in 1,000 seeds


def test_a_row_is_the_same_whatever_rows_stand_beside_it() -> None:
    _, density = correlated(5)
    together, alone = chains(density, 6, 5, 40, 0.4), chains(density, 1, 5, 40, 0.4, first=3)
    torch.testing.assert_close(together.points[3], alone.points[0], rtol=1e-8, atol=1e-8)
    assert torch.equal(together.leapfrogs[3], alone.leapfrogs[0])


def test_rows_of_other_lengths_do_not_wait_and_none_is_lost() -> None:
    evaluated = 0

    def density(points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal evaluated
        evaluated += len(rows)
        return -(points**2).sum(-1) / 2, -points

    steps = torch.tensor([0.05, 0.5, 1.0], dtype=torch.float64)
    drawn = transitions(density, torch.zeros(3, 2, dtype=torch.float64), steps, 30, Luck([0, 1, 2]))
    assert evaluated == int(drawn.leapfrogs.sum()) + 3
    assert np.all(np.diff(drawn.leapfrogs.double().mean(1).numpy()) < 0)


def test_walls_and_failures_end_trajectories_and_count_as_divergences() -> None:
    def density(points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        return torch.where(points[:, 0] > 0, -points[:, 0], torch.nan), -torch.ones_like(points)

    drawn = transitions(
        density, torch.ones(4, 1, dtype=torch.float64), torch.full((4,), 0.5).double(), 400, Luck(range(4))
    )
    assert bool((drawn.points > 0).all())
    assert bool(drawn.diverged.any())
    assert float(drawn.points.mean()) == pytest.approx(1.0, abs=0.25)


def test_trajectories_are_cut_at_the_largest_depth() -> None:
    _, density = correlated(2)
    steps = torch.full((1,), 1e-4, dtype=torch.float64)
    drawn = transitions(density, torch.zeros(1, 2, dtype=torch.float64), steps, 3, Luck([0]), depth=4)
    assert drawn.leapfrogs.tolist() == [[15, 15, 15]]
    assert bool(drawn.deepest.all())

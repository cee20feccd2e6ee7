import numpy as np
import pyro
import pyro.distributions as dist
import torch

from causal_lpm import observed
from causal_lpm.inference.posteriors.features import GuideFeatures, SeriesFeatures
from causal_lpm.inference.posteriors.guides import fit_guides
from causal_lpm.inference.program.problem import Problem
from tests.inference.calibration.conjugate import DATA, exact, normal


def two_groups() -> None:
    rate = pyro.sample("rate", dist.LogNormal(2.0, 0.5))
    mean = rate[..., None, None] * torch.ones(2, 20) if rate.dim() < 2 else rate[..., None] * torch.ones(2, 20)
    observed("cases", dist.Poisson(mean.reshape(*rate.shape[:-1], 2, 20)).to_event(1))


def test_series_are_read_without_missing_days_on_a_scale_that_keeps_signs() -> None:
    problem = Problem(normal(3), {"x": [1.0, np.nan, -3.0]})
    features = SeriesFeatures(problem)
    found = features({"x": np.array([[0.0, 5.0, np.e - 1], [1 - np.e, np.nan, 0.0]])}).values
    torch.testing.assert_close(found, torch.tensor([[0.0, 1.0], [-1.0, 0.0]]))
    assert features.embedding() is None
    assert not features.frame.guided


def test_what_a_model_has_summarised_itself_is_told_as_it_is() -> None:
    """A table of counts has the logarithmic scale of series; one of any sign, such as of logarithms, keeps its own."""

    def model() -> None:
        level = pyro.sample("level", dist.Normal(0.0, 1.0))
        means = level.unsqueeze(-1) * torch.ones(1, 2) if level.dim() < 2 else level[..., None] * torch.ones(1, 2)
        observed("logs", dist.Normal(means, 1.0).to_event(2))
        observed("counts", dist.Poisson(means.exp()).to_event(2))

    features = SeriesFeatures(Problem(model, {"logs": [[-7.0, 2.0]], "counts": [[0, 3]]}))
    found = features({"logs": np.array([[[-7.0, 2.0]]]), "counts": np.array([[[0.0, np.e - 1]]])}).values
    torch.testing.assert_close(found, torch.tensor([[-7.0, 2.0, 0.0, 1.0]]))


def test_whole_series_of_groups_are_condensed_by_a_network() -> None:
    problem = Problem(two_groups, {"cases": np.full((2, 20), 3.0)})
    features = SeriesFeatures(problem)
    found = features({"cases": np.arange(120.0).reshape(3, 2, 20)}).values
    make = features.embedding()
    assert make is not None
    network = make()
    assert network(found).shape == (3, 16)
    # Groups are channels: the same series in the other group is another data set.
    swapped = features({"cases": np.arange(120.0).reshape(3, 2, 20)[:, ::-1].copy()}).values
    assert (network(found) != network(swapped)).any()
    gaps = Problem(two_groups, {"cases": np.where(np.arange(40).reshape(2, 20) == 7, np.nan, 3.0)})
    assert SeriesFeatures(gaps).embedding() is None


def test_guides_summarise() -> None:
    problem = Problem(normal(), {"x": DATA})
    features = GuideFeatures(problem, seed=3, settings={"steps": 200, "particles": 4})
    found = features({"x": np.array([DATA])}).values
    assert found.dtype == torch.float32
    assert torch.equal(
        found,
        fit_guides(problem, {"x": torch.tensor([DATA], dtype=torch.float64)}, steps=200, particles=4, seed=3).features,
    )
    mean, sd = exact(DATA)
    assert abs(float(problem.constrain(found[:, :1])["mean"]) - mean[0]) < 0.25 * sd
    assert features.frame.guided
    assert features.embedding() is None

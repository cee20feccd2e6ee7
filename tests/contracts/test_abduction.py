"""What an observation says of other worlds: the noise of transformed distributions is kept, all else is drawn anew."""

import warnings
from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from chirho.counterfactual.handlers import MultiWorldCounterfactual, TwinWorldCounterfactual
from chirho.counterfactual.handlers.selection import SelectCounterfactual, SelectFactual
from chirho.indexed.ops import IndexSet, gather
from chirho.interventional.handlers import do
from chirho.observational.handlers import condition
from chirho.observational.handlers.predictive import BatchedLatents
from hypothesis import given
from hypothesis import strategies as st
from pyro.distributions import transforms
from pyro.distributions.torch_distribution import ExpandedDistribution
from pyro.infer.autoguide import AutoNormal

from causal_lpm import ProductWorlds, Worlds, observed, policy

each_handler = pytest.mark.parametrize("worlds", [Worlds, ProductWorlds])
Model = Callable[[], torch.Tensor]


def shifted(x: Any, scale: Any = 1.0, base: Any = None) -> dist.TransformedDistribution:
    """Y = x + scale * noise."""
    noise = dist.Normal(0.0, 1.0) if base is None else base
    return dist.TransformedDistribution(noise, [transforms.AffineTransform(x, scale)])


def reading(make: Callable[[torch.Tensor], Any]) -> Model:
    """A cause x and its reading y of a distribution made of it."""

    def model() -> torch.Tensor:
        x = pyro.sample("x", dist.Normal(0.0, 1.0))
        y: torch.Tensor = pyro.sample("y", make(x))
        return y

    return model


def traced(handler: Any, model: Model, x: Any, y: Any, *acts: float) -> Any:
    """The trace of `model` with x and y observed and acts on x."""
    actions = {"x": tuple(map(torch.tensor, acts))} if acts else {}
    with handler, pyro.poutine.trace() as tr, condition(data={"x": x, "y": y}), do(actions=actions):
        model()
    tr.trace.compute_log_prob()
    return tr.trace


def names(trace: Any) -> set[str]:
    return {name for name, node in trace.nodes.items() if not pyro.poutine.util.site_is_subsample(node)}


class Alone(pyro.poutine.messenger.Messenger):
    """No worlds."""


@each_handler
@pytest.mark.parametrize("seed", range(3))
def test_the_other_world_keeps_the_noise_of_the_observation(worlds: Any, seed: int) -> None:
    """y = x + n, x = 0.5 and y = 1 say n = 0.5: under do(x = 2), y = 2.5 always."""
    pyro.set_rng_seed(seed)
    trace = traced(worlds(), reading(shifted), torch.tensor(0.5), torch.tensor(1.0), 2.0, -1.0)
    assert trace.nodes["y"]["value"].flatten().tolist() == [1.0, 2.5, -0.5]
    assert float(trace.nodes["y_noise_prior"]["value"]) == 0.5, "one noise for all worlds"


number = st.floats(-3.0, 3.0, width=32)


@each_handler
@given(x=number, y=number, act=number, scale=st.floats(0.125, 5.0, width=32))
def test_the_density_is_that_of_a_run_without_worlds(worlds: Any, x: float, y: float, act: float, scale: float) -> None:
    """ChiRho 0.3.0 counts the noise once a world, and the scale with the wrong sign."""
    model = reading(lambda x: shifted(x, scale))
    alone = traced(Alone(), model, torch.tensor(x), torch.tensor(y))
    both = traced(worlds(), model, torch.tensor(x), torch.tensor(y), act)
    assert float(both.log_prob_sum()) == pytest.approx(float(alone.log_prob_sum()), rel=1e-4, abs=1e-4)
    other = both.nodes["y"]["value"].flatten()[1]
    assert float(other) == pytest.approx(act + (y - x), rel=1e-4, abs=1e-4)


def wide(x: torch.Tensor) -> torch.Tensor:
    """The same for each of three numbers that are observed together."""
    return x[..., None].expand(*x.shape, 3)


def three(base: dist.TorchDistribution, *changes: transforms.Transform) -> dist.TransformedDistribution:
    return dist.TransformedDistribution(base, list(changes))


@pytest.mark.parametrize(
    ("make", "slope"),
    [
        pytest.param(lambda x: shifted(wide(x), 2.0).to_event(1), 1, id="to_event"),
        pytest.param(lambda x: shifted(wide(x), 2.0, dist.Normal(torch.zeros(3), 1.0).to_event(1)), 1, id="event"),
        pytest.param(
            lambda x: ExpandedDistribution(shifted(x[..., None]), (*x.shape, 3)).to_event(1), 1, id="expanded"
        ),
        pytest.param(lambda x: shifted(wide(x)).mask(torch.tensor([True, False, True])).to_event(1), 1, id="masked"),
        pytest.param(lambda x: shifted(wide(x)).to_event(1).mask(torch.tensor(False)), 1, id="masked whole"),
        pytest.param(
            lambda x: three(
                dist.Normal(torch.zeros(3), 1.0),
                transforms.ExpTransform(),
                transforms.AffineTransform(wide(x), 2.0),
                transforms.AffineTransform(0.5, -3.0),
            ).to_event(1),
            -3,
            id="several transforms",
        ),
        pytest.param(
            lambda x: three(
                dist.Normal(torch.zeros(*x.shape, 3), 1.0),  # the transform does not say how many x it has
                transforms.LowerCholeskyAffine(wide(x), torch.tensor([[1.0, 0, 0], [2, 1, 0], [1, 1, 3]])),
            ),
            1,
            id="a transform of vectors",
        ),
    ],
)
@each_handler
def test_wrappers_do_not_hide_the_noise(worlds: Any, make: Callable[[torch.Tensor], Any], slope: float) -> None:
    x, y = torch.tensor(0.5), torch.tensor([-7.0, -8.0, -9.0])
    alone = traced(Alone(), reading(make), x, y)
    both = traced(worlds(), reading(make), x, y, 2.0)
    value = both.nodes["y"]["value"].reshape(2, 3)
    assert torch.equal(value[0], y)
    assert torch.allclose(value[1], y + 1.5 * slope, atol=1e-4)
    assert float(both.log_prob_sum()) == pytest.approx(float(alone.log_prob_sum()), rel=1e-4)


def test_each_replicate_and_each_draw_keeps_its_own_noise() -> None:
    data = torch.tensor(1.0)

    def model() -> torch.Tensor:
        x = pyro.sample("x", dist.Normal(0.0, 1.0))
        return observed("y", shifted(policy("dose", 0.0) + x), data)

    pyro.set_rng_seed(0)
    with (
        Worlds(replicates=2, draws=3) as worlds,
        BatchedLatents(3, name="draws"),
        pyro.poutine.trace() as tr,
        do(actions={"dose": torch.tensor(5.0)}),
    ):
        y = model()
    tr.trace.compute_log_prob()
    x = tr.trace.nodes["x"]["value"]
    assert torch.allclose(worlds.take(y, 1), torch.tensor(6.0).expand(3, 1, 1), atol=1e-5)
    density = dist.Normal(x, 1.0).log_prob(data).sum()
    assert float(tr.trace.log_prob_sum() - tr.trace.nodes["x"]["log_prob_sum"]) == pytest.approx(
        float(density), rel=1e-4
    )


def test_noise_that_has_a_distribution_of_its_own_in_a_world_is_drawn_there() -> None:
    """As ChiRho does: y = exp(n) with n ~ Normal(x, 1) names no noise that worlds could share."""
    model = reading(lambda x: dist.TransformedDistribution(dist.Normal(x, 1.0), [transforms.ExpTransform()]))
    x, y = torch.tensor(0.5), torch.tensor(2.0)
    pyro.set_rng_seed(0)
    masked = reading(
        lambda x: dist.TransformedDistribution(dist.Normal(x, 1.0), [transforms.ExpTransform()]).mask(False)
    )
    assert traced(Worlds(), masked, x, y, 2.0).nodes["y"]["value"].unique().numel() == 2
    both, alone = traced(Worlds(), model, x, y, 2.0), traced(Alone(), model, x, y)
    drawn = both.nodes["y_noise_prior_counterfactual"]
    assert torch.allclose(both.nodes["y"]["value"].flatten(), torch.stack([y, drawn["value"].flatten()[1].exp()]))
    others = float(drawn["log_prob_sum"])
    assert float(both.log_prob_sum()) == pytest.approx(float(alone.log_prob_sum()) + others, rel=1e-5)


def test_noise_is_shared_between_worlds_in_which_it_is_as_likely() -> None:
    """Of y = a + n with n ~ Normal(0, b): where b is as it was, so is n; else worlds of one b share what they draw."""

    def model() -> torch.Tensor:
        a, b = policy("a", 0.0), policy("b", 1.0)
        return observed("y", shifted(a, 1.0, dist.Normal(0.0, b)), torch.tensor([3.0]))

    with ProductWorlds(), do(actions={"a": torch.tensor(5.0), "b": torch.tensor(2.0)}):
        y = model()
        before, after = (gather(y, IndexSet(b={b})).flatten() for b in (0, 1))
    assert before.tolist() == [3.0, 8.0]
    assert float(after[1] - after[0]) == pytest.approx(5.0)
    assert float(after[0]) != 3.0


@each_handler
def test_an_act_that_changes_nothing_leaves_the_observation(worlds: Any) -> None:
    model = reading(lambda x: dist.TransformedDistribution(dist.Normal(x, 1.0), [transforms.ExpTransform()]))
    x, y = torch.tensor(0.5), torch.tensor(2.0)
    assert traced(worlds(), model, x, y, 0.5).nodes["y"]["value"].unique().tolist() == pytest.approx([2.0])


@pytest.mark.parametrize("make", [dist.HalfNormal, lambda x: dist.FoldedDistribution(dist.Normal(0.0, x))])
def test_what_cannot_be_inverted_is_drawn(make: Callable[[torch.Tensor], Any]) -> None:
    model = reading(lambda x: make(x.abs()))
    alone = traced(Alone(), model, torch.tensor(0.5), torch.tensor(1.0))
    both = traced(Worlds(), model, torch.tensor(0.5), torch.tensor(1.0), 2.0)
    assert "y_counterfactual" in both.nodes
    density = float(both.log_prob_sum() - both.nodes["y_counterfactual"]["log_prob_sum"])
    assert density == pytest.approx(float(alone.log_prob_sum()), rel=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda x: dist.Normal(x, 1.0), id="Normal"),
        pytest.param(lambda x: dist.Poisson(x.abs()), id="Poisson"),
        pytest.param(shifted, id="transformed"),
        pytest.param(lambda x: shifted(0.0, 1.0, dist.Normal(x, 1.0)), id="transformed, noise of a world"),
    ],
)
@pytest.mark.parametrize(
    ("ours", "theirs"), [(Worlds, TwinWorldCounterfactual), (ProductWorlds, MultiWorldCounterfactual)]
)
def test_sites_have_the_names_that_chirho_gives_them(ours: Any, theirs: Any, make: Callable[[Any], Any]) -> None:
    x, y = torch.tensor(0.5), torch.tensor(1.0)
    assert names(traced(ours(), reading(make), x, y, 2.0)) == names(traced(theirs(-2), reading(make), x, y, 2.0))


@each_handler
def test_what_another_world_drew_can_be_replayed_and_pinned(worlds: Any) -> None:
    model, x, y = reading(lambda x: dist.Normal(x, 1.0)), torch.tensor(0.5), torch.tensor(1.0)
    first = traced(worlds(), model, x, y, 2.0)
    other = first.nodes["y_counterfactual"]["value"]
    assert float(first.nodes["y_counterfactual"]["log_prob"].flatten()[0]) == 0, "the factual world is data"
    with pyro.poutine.replay(trace=first):
        replayed = traced(worlds(), model, x, y, 2.0)
    pinned = traced(worlds(), condition(model, data={"y_counterfactual": other}), x, y, 2.0)
    for again in (replayed, pinned):
        assert torch.equal(again.nodes["y"]["value"], first.nodes["y"]["value"])
        assert again.log_prob_sum() == first.log_prob_sum()
    with SelectFactual():
        factual = traced(worlds(), condition(model, data={"y_counterfactual": other}), x, y, 2.0)
    with SelectCounterfactual():
        counterfactual = traced(worlds(), condition(model, data={"y_counterfactual": other}), x, y, 2.0)
    assert float(first.log_prob_sum()) == pytest.approx(float(factual.log_prob_sum() + counterfactual.log_prob_sum()))


@each_handler
def test_a_guide_sees_what_another_world_draws(worlds: Any) -> None:
    @worlds()
    @condition(data={"y": torch.tensor(1.0)})
    @do(actions={"x": torch.tensor(2.0)})
    def model() -> torch.Tensor:
        return reading(lambda x: dist.Normal(x, 1.0))()

    guide = AutoNormal(model)
    guide()
    assert {"x", "y_counterfactual"} <= guide().keys()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found plate statements in guide but not model")  # Pyro's, of index plates
        loss = pyro.infer.Trace_ELBO().differentiable_loss(model, guide)
    assert bool(loss.isfinite())


def test_a_site_splits_over_the_worlds_that_reach_it() -> None:
    """Of two policies only one changes y, so y is data wherever that one is as it was."""

    def model() -> torch.Tensor:
        a, b = policy("a", 0.0), policy("b", 0.0)
        first = observed("y", dist.Normal(a, 1.0), torch.tensor([3.0]))
        return observed("z", dist.Normal(first + b, 1.0), torch.tensor([4.0]))

    actions = {"a": torch.tensor(1.0), "b": torch.tensor(1.0)}
    with ProductWorlds(), pyro.poutine.trace() as tr, do(actions=actions):
        z = model()
        y = tr.trace.nodes["y"]["value"]
        assert float(gather(y, IndexSet(a={0}))) == 3.0
        assert y.shape == (2, 1)
        assert float(gather(z, IndexSet(a={0}, b={0}))) == 4.0
        assert z.unique().numel() == 4


def test_data_may_be_impossible_in_another_world() -> None:
    """Nobody is susceptible there, so that four could not have been infected."""
    with Worlds(), pyro.poutine.trace() as tr, do(actions={"open": torch.tensor(0.0)}):
        infected = observed("infected", dist.Binomial(10 * policy("open", 1.0), 0.5), torch.tensor([4.0]))
    tr.trace.compute_log_prob()
    assert infected.flatten().tolist() == [4.0, 0.0]
    density = dist.Binomial(10, 0.5).log_prob(torch.tensor(4.0))
    assert float(tr.trace.nodes["infected_factual"]["log_prob_sum"]) == pytest.approx(float(density))


def test_under_replicates_alone_a_site_is_the_site_of_a_run_without_worlds() -> None:
    """Replicates are no worlds: nothing splits, and no other world draws."""
    with Worlds(replicates=3), pyro.poutine.trace() as tr:
        observed("y", dist.Normal(torch.zeros(3, 1), 1.0), torch.tensor([2.0]))
    assert names(tr.trace) == {"y"}
    tr.trace.compute_log_prob()
    assert tr.trace.nodes["y"]["log_prob"].shape == (3, 1)

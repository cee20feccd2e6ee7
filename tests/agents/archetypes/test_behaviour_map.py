import inspect
import math
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import KeyedNoise, policy
from causal_lpm.agents import BehaviourMap, Contexts, LLMTerm, MapPriors, RealBehaviour, decide
from causal_lpm.agents.archetypes.behaviour_map import SEEN
from causal_lpm.inference.program.labels import coords_of
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.results.calibration_tree import About, TreeLabels, build_tree
from tests.agents.archetypes.answers import contexts, kinds, table

TRANSPORT = {"payment": dist.Normal(1.0, 0.5)}


def term() -> LLMTerm:
    answers = table()
    return LLMTerm(kinds(), contexts(), answers.question, answers)


def behaviour(groups: tuple[str, ...] = ("borough", "age"), **settings: Any) -> BehaviourMap:
    return BehaviourMap(term(), groups, **{"transport": TRANSPORT, **settings})


def real(behaviour: BehaviourMap) -> RealBehaviour:
    shares = torch.linspace(0.2, 0.6, 4 * len(behaviour.group_labels))
    return RealBehaviour(behaviour, shares.reshape(-1, 4), 0.01)


def values(behaviour: BehaviourMap, n: int = 3, seed: int = 0, **fixed: float) -> dict[str, torch.Tensor]:
    data = real(behaviour)
    problem = Problem(data.model(), {**data.data, **behaviour.term.data})
    found = problem.constrain(problem.draw(n, seed).double())
    return found | {name: torch.full_like(found[name], value) for name, value in fixed.items()}


def test_a_transport_alone_says_what_is_intervened_on() -> None:
    """Nothing else says it, which could be left out or contradict it; people have no response of their own to it."""
    taken = set(inspect.signature(BehaviourMap).parameters)
    assert taken == {"term", "groups", "transport", "contexts", "name", "priors"}
    assert values(behaviour())["people_covariates"].shape[-1] == 1
    assert values(behaviour(transport={}))["people_covariates"].shape[-1] == 2
    with pytest.raises(ValueError, match="unknown covariate 'pay'"):
        BehaviourMap(term(), ("age",), {"pay": 1.0})


def test_what_it_rests_on_names_transport_and_respondent() -> None:
    said = behaviour().description
    assert "transport of payment Normal(1, 0.5), chosen by the user" in said
    assert "no language model was asked" in said
    assert "fixed at 1" in behaviour(transport={"payment": 1.0}).description
    assert "people_transport_payment" in values(behaviour())


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (dist.LogNormal(0.0, 0.5), "LogNormal(0, 0.5)"),
        (dist.HalfNormal(0.7), "HalfNormal(0.7)"),
        (dist.Uniform(0.0, 1.0), "Uniform(0, 1)"),
        (dist.Gamma(2.0, 4.0), "Gamma(2, 4)"),
    ],
)
def test_every_prior_of_a_transport_is_named_with_its_numbers(prior: Any, words: str) -> None:
    assert f"transport of payment {words}, chosen by the user" in behaviour(transport={"payment": prior}).description


def test_group_weights_are_shares_of_people() -> None:
    found = behaviour()
    assert torch.allclose(found.weights.sum(-1), torch.ones(5))
    everybody = BehaviourMap(term(), (), TRANSPORT)
    assert torch.allclose(everybody.weights[0], kinds().counts / kinds().counts.sum())
    assert found.group_labels[0] == "borough: Bronx"


def test_without_transport_people_do_not_respond_to_the_payment() -> None:
    found = behaviour()
    people = found.given(values(found, people_transport_payment=0.0))
    unpaid, paid = (people.logits(contexts().standardised(payment=pay, cases=200.0)) for pay in (0.0, 500.0))
    assert torch.equal(unpaid, paid)


def test_the_payment_moves_people_by_slope_times_transport_times_the_model() -> None:
    found = behaviour()
    drawn = values(found)
    people = found.given(drawn)
    with pyro.condition(data={name: value.unsqueeze(1) for name, value in drawn.items()}):
        respondent = found.term.term(data=False)
    unpaid, paid = (contexts().standardised(payment=pay, cases=200.0) for pay in (0.0, 500.0))
    model = respondent.logits(paid) - respondent.logits(unpaid)
    factor = drawn["people_slope"] * drawn["people_transport_payment"]
    assert torch.allclose(people.logits(paid) - people.logits(unpaid), factor[:, None] * model)


def test_contexts_of_real_behaviour_are_told_by_their_texts() -> None:
    asked = contexts()
    order = [2, 0]
    some = Contexts({name: asked.values[order, i] for i, name in enumerate(asked.names)}, scale={"payment": 1.0})
    every, part = behaviour(()), behaviour((), contexts=some)
    drawn = values(every, people_context_scale=1.0)
    people = every.given(drawn)
    basis = part._bases[True]
    sampled = people.deviations[:, order] @ basis.directions.double() * (1 + SEEN * basis.free).sqrt()
    fewer = drawn | {"people_contexts": sampled}
    # Level and responses are to be the same, of which sites have sums with what their own contexts add.
    others = part.given(fewer)
    fewer["people_level"] = drawn["people_level"] + (people._base - others._base)[:, 0]
    fewer["people_covariates"] = (
        drawn["people_covariates"] + (people._slopes - others._slopes)[:, 0][:, part._own.bool()]
    )
    assert torch.allclose(every.given(drawn).real[:, order], part.given(fewer).real, atol=1e-6)
    at = part.given(fewer).logits(asked.z[2], at=asked.cells[2])
    assert torch.allclose(at, part.given(fewer).real[:, 0], atol=1e-6)
    with pytest.raises(ValueError, match="no context of real behaviour"):
        part.given(fewer).logits(asked.z[1], at=asked.cells[1])


def test_contexts_of_the_map_have_the_units_of_the_question() -> None:
    asked = contexts()
    other = Contexts({"payment": [0.0, 100.0, 200.0], "cases": [50.0, 60.0, 70.0]})
    found = behaviour(contexts=other)
    new = {"payment": 150.0, "cases": 60.0}
    assert torch.equal(found.contexts.standardised(**new), asked.standardised(**new))
    assert not torch.equal(other.standardised(**new), asked.standardised(**new))  # the user's own stay what they are
    assert torch.equal(found.contexts.values, other.values)


def test_the_model_without_answers_has_no_site_of_the_respondent() -> None:
    data = real(behaviour())
    names = {p.name for p in Problem(data.model(answers=False), data.data).parameters}
    assert names
    assert all(name.startswith("people_") for name in names)
    assert not any("transport" in name or "slope" in name for name in names)


def test_do_payment_moves_agents_who_share_their_luck() -> None:
    found = behaviour(transport={"payment": 1.0})
    drawn = {name: value[:1] for name, value in values(found, people_slope=2.0).items()}
    drawn["llm_covariates"][:, 0], drawn["llm_interactions"][:] = 1.0, 0.0
    people = found.given(drawn)

    def model() -> torch.Tensor:
        payment = policy("payment", 0.0)
        z = contexts().standardised(payment=payment, cases=200.0)
        return decide("work", people.logits(z), kinds())

    def run(payment: float) -> torch.Tensor:
        with KeyedNoise(0), pyro.condition(data={"payment": torch.tensor([payment])}):
            return model()

    unpaid, paid = run(0.0), run(500.0)
    assert bool((paid >= unpaid).all())
    assert int(paid.sum()) > int(unpaid.sum())


def test_sites_have_the_labels_of_what_they_are_about() -> None:
    """So that a summary says whose number it shows, and no reader counts places."""
    found = behaviour()
    data = real(found)
    problem = Problem(data.model(), {**data.data, **found.term.data})
    coords = coords_of(problem)
    assert coords["llm_archetypes_dim_0"][0] == ", ".join(kinds().labels[0].values())
    assert coords["llm_covariates_dim_0"] == contexts().names
    assert coords["people_covariates_dim_0"] == ("cases",)  # people have no response of their own to the payment
    classes = ("age: young against old", "borough: Bronx against Queens", "borough: Bronx, Queens against Kings")
    assert coords["llm_classes_dim_0"] == coords["people_classes_dim_0"] == classes
    assert coords["llm_interactions_dim_0"][:2] == (f"{classes[0]}, payment", f"{classes[0]}, cases")
    assert coords["people_contexts_dim_0"][0] == "direction 0, as level and covariates"
    arrays = {name: value.numpy() for name, value in problem.constrain(problem.draw(2, 0)).items()}
    tree = build_tree(About("", "uncalibrated", 0, 0, 0), arrays, labels=TreeLabels(coords=coords))
    several = {name for name, values in tree["posterior"].data_vars.items() if values.ndim > 2}
    assert {f"{name}_dim_0" for name in several} == set(coords)
    young = tree["posterior"]["llm_classes"].sel(llm_classes_dim_0=classes[0])
    assert young.values.ravel().tolist() == arrays["llm_classes"][:, 0].tolist()


@pytest.mark.parametrize("interactions", [0.0, 0.1])
@pytest.mark.parametrize("groups", [(), ("borough",), ("borough", "age")])
def test_what_people_have_of_their_own_has_the_stated_prior_and_does_not_follow_the_respondent(
    groups: tuple[str, ...], interactions: float
) -> None:
    # Sites are sums that data inform; the parts must be independent normals all the same. Of 4,000 draws second moments
    # have relative standard errors below 5% (scales are lognormal), correlations of 1.6%: 5 of them are missed in one
    # of 10,000 runs.
    found, n = behaviour(groups, priors=MapPriors(interactions=interactions)), 4000
    drawn = values(found, n=n)
    people = found.given(drawn)
    with pyro.condition(data={name: value.unsqueeze(1) for name, value in drawn.items()}):
        respondent = found.term.term(data=False)
    transport = torch.stack([torch.ones(n), drawn["people_transport_payment"]], -1).double()
    if found.contexts.names[0] == "payment":
        transport = transport.flip(-1)
    reference = found._reference.double()
    z = reference + transport.unsqueeze(-2) * (found._z.double() - reference)
    slope = people.slope.unsqueeze(-1)
    response = respondent.base.double() - respondent.level.double()
    model = response.unsqueeze(-2) + z @ respondent.slopes.double().mT + respondent.deviations.double().unsqueeze(-1)
    own = people.real.double() - slope * model
    priors = found.priors
    columns, by = found._columns.double(), found._own.double() * found._z.double()
    expected = (
        priors.level**2
        + priors.classes**2 * math.exp(2 * 0.6**2) * (columns @ columns.T)[None, :, None, :]
        + priors.covariates**2 * (by @ by.T)[:, None, :, None]
        + interactions**2
        * math.exp(2 * 0.6**2)
        * (by @ by.T)[:, None, :, None]
        * (columns @ columns.T)[None, :, None, :]
        + priors.context**2 * math.exp(2 * 0.7**2) * torch.eye(len(by)).double()[:, None, :, None]
    )
    flat = own.flatten(1)
    moments = (flat.T @ flat / n).reshape(expected.shape)
    scale = expected.reshape(flat.shape[1], -1).diagonal().mean()
    assert float((moments - expected).abs().max() / scale) < 0.25
    follows = torch.corrcoef(torch.cat([flat, (slope * model).flatten(1)], -1).T)[: flat.shape[1], flat.shape[1] :]
    assert float(follows.abs().max()) < 0.08

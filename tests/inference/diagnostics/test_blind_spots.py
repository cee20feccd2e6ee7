import numpy as np

from causal_lpm.inference import blind_spots, blind_spots_gate

RNG = np.random.default_rng(0)
PRIOR = RNG.normal(size=(4000, 3)) * [1.0, 5.0, 0.2] + [0.0, 3.0, 1.0]
NAMES = ["beta", "gamma", "rho"]


def posterior(*shrink: float) -> np.ndarray:
    return PRIOR.mean(0) + (PRIOR - PRIOR.mean(0)) * shrink


def test_a_parameter_that_stayed_as_wide_as_its_prior_is_named() -> None:
    found = blind_spots(posterior(0.1, 1.0, 0.2), PRIOR, {"cases": np.ones(40)}, NAMES)
    assert found[0] == "the value of gamma (its posterior is as wide as its prior)"
    assert not any("beta" in one or "rho" in one for one in found)


def test_a_direction_that_the_data_leave_open_is_named() -> None:
    scaled = (PRIOR - PRIOR.mean(0)) / PRIOR.std(0)
    known = scaled[:, 0] + scaled[:, 1]  # the data tell the sum of two, and the third
    turned = np.stack([scaled[:, 0] - 0.48 * known, scaled[:, 1] - 0.48 * known, 0.1 * scaled[:, 2]], 1)
    found = blind_spots(turned, scaled, {"cases": np.ones(40)}, NAMES)
    assert found[0] == "beta higher with gamma lower (along this line the posterior is as wide as the prior)"


def test_what_series_of_this_form_cannot_show_is_named() -> None:
    total, few = np.ones(40), np.array([[1.0, np.nan, 2.0], [1.0, 2.0, np.nan], [np.nan] * 3])
    found = blind_spots(posterior(0.1, 0.1, 0.1), PRIOR, {"cases": total, "deaths": few}, NAMES, ["whether a is b"])
    assert found[0] == "who infects whom within the whole of cases, such as in households (only sums are seen)"
    assert found[1].startswith("who infects whom within each of the 2 groups of deaths")
    assert found[2].startswith("peak, peak day, growth")
    assert "weekday pattern" in found[2]
    assert found[2].endswith("of deaths (2 days are too few)")
    assert found[3:] == ("whether a is b",)


def test_the_gate_says_so_and_never_warns() -> None:
    gate = blind_spots_gate(posterior(1.0, 1.0, 1.0), PRIOR, {"cases": np.ones(40)}, NAMES)
    assert (gate.verdict, gate.value) == ("pass", 4)
    assert gate.sentence.startswith("The data could not have shown: the value of beta")


def test_shares_and_tables_are_not_spoken_of_as_epidemics() -> None:
    observed = {"shares": np.full((3, 40), 0.4), "answers": np.ones((6, 5))}
    found = blind_spots(posterior(0.1, 0.1, 0.1), PRIOR, observed, NAMES, tables=["answers"], agents=False)
    assert found == (
        "how those within each of the 3 groups of shares differ (only sums are seen)",
        "how those within a cell of answers differ (only one number a cell is seen)",
    )
    gate = blind_spots_gate(posterior(0.1, 0.1, 0.1), PRIOR, observed, NAMES, tables=["answers"], agents=False)
    assert gate.value == 2

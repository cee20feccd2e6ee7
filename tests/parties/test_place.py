"""Where a process stands is said in full, and unprotected messages do not leave the machine."""

import pytest

from causal_lpm.parties import Patience, Place
from causal_lpm.parties.watch import LINGER

LOCAL = ("127.0.0.1:7000", "localhost:7001", "[::1]:7002")


def test_the_environment_says_rank_and_addresses() -> None:
    env = {"CAUSAL_LPM_RANK": "2", "CAUSAL_LPM_ADDRESSES": ", ".join(LOCAL)}
    place = Place.from_environment(environment=env)
    assert (place.rank, place.parties, place.is_dealer) == (2, 2, True)
    assert place.host_and_port(2) == ("::1", 7002)
    assert Place.from_environment(0, environment=env).rank == 0


@pytest.mark.parametrize("host", ["10.0.0.3", "0.0.0.0", "hospital.example", "192.168.1.4", "[2001:db8::1]"])
def test_another_machine_needs_a_transport_by_name(host: str) -> None:
    addresses = (*LOCAL[:2], f"{host}:7002")
    with pytest.raises(ValueError, match="travel unprotected: name what protects them with transport="):
        Place(0, addresses)
    assert Place(0, addresses, transport="wireguard").parties == 2
    with pytest.raises(ValueError, match="unknown transport 'wire'"):
        Place(0, addresses, transport="wire")


@pytest.mark.parametrize(
    ("rank", "addresses", "sentence"),
    [
        (0, LOCAL[:2], "there are 2 addresses"),
        (3, LOCAL, "rank is 3: give a whole number from 0 to 2"),
        (-1, LOCAL, "rank is -1"),
        (0, (*LOCAL[:2], "127.0.0.1"), "is not host:port"),
        (0, (*LOCAL[:2], "127.0.0.1:70000"), "is not host:port"),
        (0, (*LOCAL[:2], LOCAL[0]), "appears twice"),
    ],
)
def test_bad_places_are_refused(rank: int, addresses: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Place(rank, addresses)


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({}, "CAUSAL_LPM_ADDRESSES is not set"),
        ({"CAUSAL_LPM_ADDRESSES": ",".join(LOCAL)}, "there is no rank, and CAUSAL_LPM_RANK is not set"),
        ({"CAUSAL_LPM_ADDRESSES": ",".join(LOCAL), "CAUSAL_LPM_RANK": "one"}, "CAUSAL_LPM_RANK is 'one'"),
    ],
)
def test_an_incomplete_environment_is_refused(env: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Place.from_environment(environment=env)


def test_by_default_nobody_waits_longer_than_half_a_minute() -> None:
    assert Patience().start + LINGER < 30
    assert Patience().silence + Patience().beat + LINGER <= 15


@pytest.mark.parametrize("numbers", [(0.0, 1.0, 10.0), (10.0, 2.0, 2.0), (10.0, 0.0, 5.0)])
def test_patience_allows_for_more_than_one_sign(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="signs of life"):
        Patience(*numbers)

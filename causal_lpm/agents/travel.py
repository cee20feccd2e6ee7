"""Travel between places: gravity, radiation and commuting tables, and the contacts that they make.

A travel matrix says of the residents of the row which share of their time, or of their infectiousness, is in the place
of the column; what is left of 1 is at home. `carried` and `shared` turn one into contacts between places for a
`Mixing`, and `by_place` crosses these with contacts between ages.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from causal_lpm.agents.contacts_by_age import ContactMatrices, checked_matrices
from causal_lpm.validate import amount, known

__all__ = ["by_place", "carried", "commuting", "distances", "gravity", "radiation", "shared"]

EARTH = 6371.0
"""Mean radius in kilometres."""


def distances(longitude: Any, latitude: Any) -> Tensor:
    """Great-circle distances between places in kilometres, float64 `[places, places]`, on a sphere of 6,371 km.

    Args:
        longitude: degrees east `[places]`, -180 to 180.
        latitude: degrees north `[places]`, -90 to 90.

    Raises:
        ValueError: columns of different lengths, or degrees out of range (longitude and latitude mixed up, say).

    Source: the haversine formula, Sinnott (1984), Virtues of the haversine, Sky and Telescope 68.

    >>> distances([0.0, 0.1], [0.0, 0.0]).round(decimals=3)
    tensor([[ 0.0000, 11.1190],
            [11.1190,  0.0000]], dtype=torch.float64)
    """
    lon, lat = (torch.as_tensor(x, dtype=torch.float64).reshape(-1) for x in (longitude, latitude))
    if lon.shape != lat.shape or not len(lon):
        raise ValueError(f"there are {len(lon)} longitudes and {len(lat)} latitudes: give one of each a place.")
    for name, x, most in (("longitude", lon, 180), ("latitude", lat, 90)):
        if not bool((x.abs() <= most).all()):
            wrong = float(x[~(x.abs() <= most)][0])
            raise ValueError(f"{name} has {wrong:g}: give degrees from -{most} to {most}, as WGS84 has them.")
    lon, lat = lon.deg2rad(), lat.deg2rad()
    half = ((lat[:, None] - lat) / 2).sin() ** 2 + lat[:, None].cos() * lat.cos() * (
        (lon[:, None] - lon) / 2
    ).sin() ** 2
    return 2 * EARTH * half.clamp(max=1).sqrt().asin()


def gravity(
    distances: Any,
    populations: Any,
    scale: float,
    origin: float = 0.0,
    destination: float = 1.0,
    distance: float = 2.0,
    most: float = 1.0,
) -> Tensor:
    """Travel by gravity: scale * population_i ** origin * population_j ** destination / distance_ij ** distance.

    Args:
        distances: `[places, places]`, in any unit, of which `scale` depends.
        populations: persons `[places]`.
        scale: The factor in front.
        origin: Exponent of the population of the row; 0 makes shares of one person.
        destination: Of the population of the column.
        distance: Of the distance.
        most: Rows that add up to more are scaled down to it.

    Returns:
        float64 `[places, places]`, 0 on the diagonal.

    Raises:
        ValueError: distances that are not square, negative, or 0 between two places; populations that are negative or
            of other places; a scale, an exponent or a `most` out of range.

    Source: Zipf (1946), The P1 P2 / D hypothesis, Am Sociol Rev 11; Xia, Bjornstad and Grenfell (2004), Measles
    metapopulation dynamics, Am Nat 164.

    >>> gravity([[0, 10], [10, 0]], [20_000, 10_000], scale=0.002, most=0.3)
    tensor([[0.0000, 0.2000],
            [0.3000, 0.0000]], dtype=torch.float64)
    """
    apart, people = _places(distances, populations)
    for name, value in (("scale", scale), ("origin", origin), ("destination", destination), ("distance", distance)):
        amount(name, value, "a number")
    off = apart.masked_fill(torch.eye(len(people), dtype=torch.bool), math.inf)  # nobody travels to where he is
    return _capped(scale * people[:, None] ** origin * people**destination / off**distance, most)


def radiation(distances: Any, populations: Any, leave: float, most: float = 1.0) -> Tensor:
    """Travel by radiation, whose only parameter is the share who travel at all.

    Of those who leave place i, a share m n / ((m + s) (m + n + s)) goes to j, where m and n are the populations of both
    and s is that within their distance around i, without both. The shares are divided by what they add up to.

    Args:
        distances: `[places, places]`.
        populations: persons `[places]`.
        leave: The share of people, or of their time, that is elsewhere, 0 to 1.
        most: Rows that add up to more are scaled down to it.

    Returns:
        float64 `[places, places]`, 0 on the diagonal; a single place has no travel.

    Raises:
        ValueError: As for `gravity`; a share outside of 0 to 1.

    Source: Simini, Gonzalez, Maritan and Barabasi (2012), A universal model for mobility and migration patterns, Nature
    484; with the correction for finite systems of Masucci, Serras, Johansson and Batty (2013), Phys Rev E 88.

    >>> radiation([[0, 1, 2], [1, 0, 1], [2, 1, 0]], [10, 10, 10], leave=0.1)
    tensor([[0.0000, 0.0750, 0.0250],
            [0.0500, 0.0000, 0.0500],
            [0.0250, 0.0750, 0.0000]], dtype=torch.float64)
    """
    apart, people = _places(distances, populations)
    if not 0 <= leave <= 1:
        raise ValueError(f"leave is {leave}: give the share of people who travel, 0 to 1.")
    rows = []
    for here in range(len(people)):
        order = apart[here].argsort(stable=True)
        order = torch.cat((order[order == here], order[order != here]))
        sorted_apart = apart[here][order].contiguous()
        # All within the distance, those exactly as far included, less both ends.
        within = people[order].cumsum(0)[torch.searchsorted(sorted_apart, sorted_apart, right=True) - 1]
        inside = torch.empty_like(people).index_put_((order,), within) - people[here] - people
        share = people[here] * people / ((people[here] + inside) * (people[here] + people + inside))
        share[here] = 0.0
        share = torch.where(share.isfinite(), share, 0.0)
        rows.append(leave * share / share.sum() if bool(share.sum() > 0) else share)
    return _capped(torch.stack(rows), most)


def commuting(counts: Any, populations: Any) -> Tensor:
    """Travel from a table of commuters: each share of a place's people.

    Args:
        counts: persons `[places, places]` who live in the row's place and work in the column's; the diagonal counts as
            at home.
        populations: persons `[places]`.

    Returns:
        float64 `[places, places]`, 0 on the diagonal.

    Raises:
        ValueError: counts that are not square or negative, of other places, or of more people than live there.

    >>> commuting([[50, 20], [5, 90]], [100, 100])
    tensor([[0.0000, 0.2000],
            [0.0500, 0.0000]], dtype=torch.float64)
    """
    table, people = _places(counts, populations, "the table of commuters", zeros=True)
    leaving = table.masked_fill(torch.eye(len(people), dtype=torch.bool), 0.0)
    if bool((over := leaving.sum(1) > people).any()):
        place = int(over.nonzero()[0])
        raise ValueError(
            f"{leaving.sum(1)[place]:g} people commute from place {place}, where {people[place]:g} live: give persons, "
            "rows where they live."
        )
    return torch.where(people[:, None] > 0, leaving / people[:, None], 0.0)


def carried(travel: Any) -> Tensor:
    """Contacts between places where travellers carry infection with them, and meet nobody they infect back.

    The force of infection in place i becomes f_i + sum_j f_j travel_ji - f_i sum_j travel_ij: for a `Mixing` whose
    groups are places, with one contact of each person in all. As in LASER and in metapopulations with coupled forces.

    Returns:
        float64 `[places, places]`.

    Source: Keeling and Rohani (2008), Modeling Infectious Diseases in Humans and Animals, ch. 7.2.

    >>> carried([[0.0, 0.2], [0.1, 0.0]])
    tensor([[0.8000, 0.1000],
            [0.2000, 0.9000]], dtype=torch.float64)
    """
    matrix = _travel(travel)
    return matrix.T + torch.diag(1 - matrix.sum(1))


def shared(travel: Any, populations: Any) -> Tensor:
    """Contacts between places where all who are in a place at a time meet, residents and travellers: reciprocal.

    Each person has one contact in all, with those who spend time in the same places: sum_k P_ik P_jk N_j / sum_l P_lk
    N_l, where P is the share of time, with what is left of 1 at home.

    Returns:
        float64 `[places, places]`; rows add up to 1.

    Source: Sattenspiel and Dietz (1995), Math Biosci 128; Tizzoni et al. (2014), PLOS Comput Biol 10(7):e1003716.

    >>> shared([[0.0, 0.5], [0.0, 0.0]], [100, 100]).round(decimals=4)
    tensor([[0.6667, 0.3333],
            [0.3333, 0.6667]], dtype=torch.float64)
    """
    matrix, people = _places(travel, populations, "the travel matrix", zeros=True)
    time = matrix + torch.diag(1 - _travel(matrix).sum(1))
    there = people @ time
    return (torch.where(there > 0, time / there, 0.0) @ time.T) * people


def by_place(
    contacts: ContactMatrices | Mapping[str, Any], places: Any, stay: Iterable[str] = ("household", "home")
) -> dict[str, Tensor]:
    """Contacts between ages in places: age a in place i is group a * places + i.

    Args:
        contacts: Between ages, by setting.
        places: `[places, places]`, contacts of one person between places, rows adding up to about 1: of `carried` or
            `shared`.
        stay: Settings whose contacts are all in one's own place, where contacts have them.

    Returns:
        By setting, float64 `[ages * places, ages * places]`, for `Mixing`.

    Raises:
        ValueError: Matrices that are not square or are negative.

    >>> matrices = by_place({"work": [[2.0]], "home": [[1.0]]}, [[0.8, 0.2], [0.1, 0.9]])
    >>> matrices["work"], matrices["home"]
    (tensor([[1.6000, 0.4000],
            [0.2000, 1.8000]], dtype=torch.float64), tensor([[1., 0.],
            [0., 1.]], dtype=torch.float64))
    """
    between = checked_matrices({"places": places})["places"]
    own = torch.eye(len(between), dtype=torch.float64)
    at_home = {stay} if isinstance(stay, str) else set(stay)
    matrices = checked_matrices(contacts.settings if isinstance(contacts, ContactMatrices) else contacts)
    for name in at_home - {"household", "home"}:
        known("setting", name, matrices)
    return {name: torch.kron(matrix, own if name in at_home else between) for name, matrix in matrices.items()}


def _places(matrix: Any, populations: Any, what: str = "distances", zeros: bool = False) -> tuple[Tensor, Tensor]:
    """Both as float64; raises ValueError for numbers out of range or of different places."""
    checked = checked_matrices({what: matrix})[what]
    people = torch.as_tensor(populations, dtype=torch.float64).reshape(-1)
    if len(people) != len(checked):
        raise ValueError(f"there are {len(people)} populations and {what} of {len(checked)} places: give one a place.")
    if not bool((people >= 0).all() & people.isfinite().all()):
        raise ValueError(f"the populations have {float(people.min()):g}: give persons, 0 or more.")
    alike = ~torch.eye(len(people), dtype=torch.bool) & (checked <= 0)
    if not zeros and bool(alike.any()):
        one, other = alike.nonzero()[0].tolist()
        raise ValueError(f"the places {one} and {other} have the distance 0: put them together, or give how far apart.")
    return checked, people


def _travel(travel: Any) -> Tensor:
    matrix = checked_matrices({"travel": travel})["travel"]
    if bool((matrix.sum(1) > 1 + 1e-9).any()):
        row = int(matrix.sum(1).argmax())
        raise ValueError(f"the travel from place {row} adds up to {matrix[row].sum():.4g}: at most 1 can be elsewhere.")
    return matrix


def _capped(travel: Tensor, most: float) -> Tensor:
    if not 0 <= most <= 1:
        raise ValueError(f"most is {most}: give the largest share that travels, 0 to 1.")
    rows = travel.sum(1, keepdim=True)
    return torch.where(rows > most, travel * most / rows, travel)

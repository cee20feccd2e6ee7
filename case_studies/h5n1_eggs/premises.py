"""Farms and stores as agents of one population: who has birds where, and who sells whose eggs."""

import functools
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from case_studies.h5n1_eggs.inputs import counties, wild_birds
from causal_lpm.agents import Groups, Population

__all__ = ["DAIRY", "LAYER", "PULLET", "STORE", "TURKEY", "Country", "country"]

Floats: TypeAlias = npt.NDArray[np.float64]
Whole: TypeAlias = npt.NDArray[np.int64]
LAYER, PULLET, TURKEY, DAIRY, STORE = range(5)
"""Types of agents."""
TYPICAL_LAYERS = {3_200: 6_000, 10_000: 14_000, 20_000: 30_000, 50_000: 70_000, 100_000: 100_000}
"""Smallest flock of a class of the census -> birds of a farm of it; the largest class shares what is left."""
BIRDS = {PULLET: ("pullets", 100_000), TURKEY: ("turkeys", 45_000), DAIRY: ("milk_cows", 5_000)}
"""Type -> column of the census and animals of one of its premises, which has no sizes: turkeys as the mean of those
confirmed in 2022-23, the others assumptions. A county has as many as its animals fill, rounded."""
STORES = 500


@dataclass(frozen=True, eq=False)
class Country:
    """The agents, and what is the same in all worlds.

    Attributes:
        agents: attributes `kind` (uint8), `county` (a row of the census), `birds` (float32; of a store 0), `packer`
            (the state whose packer takes the eggs of a layer farm or serves a store; -1 of others).
        near: everybody in the same county; stores have none.
        wild: float32 `[4, agents]`, log of the index of wild birds by quarter, less that of the country's mean.
        season: float32 `[4]`, log of the mean of the index over layers, by quarter.
        packers: names of the states that have layers.
        served: float32 `[packers]`, stores that buy from each packer.
        pressed: bool `[agents]`, layer farms in counties where the index is above the median of layer farms.
    """

    agents: Population
    near: Groups
    wild: torch.Tensor
    season: torch.Tensor
    packers: tuple[str, ...]
    served: torch.Tensor
    pressed: torch.Tensor

    def of(self, kind: int) -> torch.Tensor:
        """Which agents are of a type, bool `[agents]`."""
        return self.agents["kind"] == kind


@functools.cache
def country() -> Country:
    """The United States by the census of agriculture of 2022."""
    census = counties().reset_index()
    rows = [*_layer_farms(census), *(row for kind in BIRDS for row in _others(census, kind))]
    kind, county, birds = (np.array(column) for column in zip(*rows, strict=True))
    states, packer = np.unique(census["state"].to_numpy()[county[kind == LAYER]], return_inverse=True)
    full = np.bincount(packer, birds[kind == LAYER]).astype(np.float64)
    served = _shares(full, STORES)
    kind = np.concatenate([kind, np.full(STORES, STORE)])
    packer = np.concatenate([packer, np.full(len(rows) - len(packer), -1), np.repeat(np.arange(len(states)), served)])
    agents = Population(
        {
            "kind": torch.tensor(kind, dtype=torch.uint8),
            "county": torch.tensor(np.concatenate([county, np.full(STORES, -1)])),
            "birds": torch.tensor(np.concatenate([birds, np.zeros(STORES)]), dtype=torch.float32),
            "packer": torch.tensor(packer),
        }
    )
    season, wild, pressed = _wild(county, kind[: len(rows)] == LAYER)
    quiet = torch.zeros(4, STORES)
    return Country(
        agents,
        Groups(agents["county"]),
        torch.cat([torch.tensor(wild, dtype=torch.float32), quiet], 1),
        torch.tensor(season, dtype=torch.float32),
        tuple(map(str, states)),
        torch.tensor(served, dtype=torch.float32),
        torch.cat([torch.tensor(pressed), torch.zeros(STORES, dtype=torch.bool)]),
    )


def _layer_farms(census: pd.DataFrame) -> list[tuple[int, int, float]]:
    rows: list[tuple[int, int, float]] = []
    for number, county in census.iterrows():
        farms = {size: int(county[f"layer_farms_{size}"]) for size in TYPICAL_LAYERS}
        left = max(0.0, float(county["layers"]) - sum(TYPICAL_LAYERS[size] * n for size, n in farms.items()))
        for size, many in farms.items():
            more = left / many if size == max(farms) and many else 0.0
            rows += [(LAYER, int(str(number)), TYPICAL_LAYERS[size] + more)] * many
    return rows


def _others(census: pd.DataFrame, kind: int) -> list[tuple[int, int, float]]:
    column, typical = BIRDS[kind]
    animals = census[column].to_numpy(float)
    many = np.round(animals / typical).astype(int)
    return [(kind, i, float(animals[i] / many[i])) for i in np.repeat(np.arange(len(census)), many).tolist()]


def _wild(county: Whole, layers: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Logs of the index by quarter, of the country and of each farm; and the layer farms that wild birds press."""
    index = wild_birds().to_numpy(float)
    weights = counties()["layers"].to_numpy(float)
    season = (index * weights[:, None]).sum(0) / weights.sum()
    local = np.log(index / season)[county].T
    year = index.mean(1)[county]
    return np.log(season), local, layers & (year > np.median(year[layers]))


def _shares(weights: Floats, whole: int) -> Whole:
    """Whole numbers that add up to `whole`, in proportion, by largest remainders."""
    exact = weights / weights.sum() * whole
    found: Whole = np.floor(exact).astype(np.int64)
    found[np.argsort(found - exact)[: whole - int(found.sum())]] += 1
    return found

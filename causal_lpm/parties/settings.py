"""What all parties of a run must have in common, and how it is compared."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from causal_lpm import validate
from causal_lpm.agents.population import Population
from causal_lpm.handlers.private.messenger import NoiseMode, Small
from causal_lpm.parties.fingerprint import fingerprint, package_fingerprint
from causal_lpm.parties.own_rows import Ends, columns
from causal_lpm.parties.release import Release
from causal_lpm.provenance import versions

__all__ = ["PROTOCOLS", "Settings"]

PROTOCOLS = ("blocks", "ble_contact_tracing")


@dataclass(frozen=True)
class Settings:
    """The settings of `decentralize`.

    Raises:
        ValueError: an unknown protocol or kind of noise; public noise with exact totals that nobody has asked for.
    """

    protocol: str
    release: Release
    noise: NoiseMode
    small: Small
    public: tuple[str, ...]
    seed: int | None

    def __post_init__(self) -> None:
        validate.known("protocol", self.protocol, PROTOCOLS)
        validate.known("noise of a private run", self.noise, get_args(NoiseMode))
        if self.seed is not None:
            validate.whole_number("seed", self.seed, low=0)
        if self.noise == "public" and not self.release.noisy:
            if not self.release.exact:
                raise ValueError(
                    "noise='public' with exact totals: the run is a function of who is ill at the start, and a series "
                    "of totals tells who that is; use noise='owner', give the release noise (sigma2=), or exact=True."
                )
            warnings.warn(
                "noise='public' with exact totals: a series of totals can tell who was ill at the start.", stacklevel=4
            )

    def ends(self, mine: Population) -> Ends:
        """The ranges of this population's attributes."""
        return {name: ends for name, ends in self._small().items() if name in mine}

    def compared(self, simulation: object, mine: Population) -> Mapping[str, str]:
        """What -> value that must be equal at all parties, the most telling first."""
        return {
            **{f"version of {package}": found for package, found in versions().items()},
            "source of causal_lpm": package_fingerprint(),
            "seed": str(self.seed),
            "noise": self.noise,
            "protocol": self.protocol,
            "small": json.dumps(self._small()),
            "public attributes": ", ".join(self.public),
            "release": self.release.described(),
            "columns": columns(mine),
            "model, networks and settings": fingerprint(simulation),
        }

    def _small(self) -> dict[str, tuple[int, int]]:
        return {name: ends if isinstance(ends, tuple) else (0, ends - 1) for name, ends in self.small.items()}

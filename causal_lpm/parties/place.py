"""Where a process stands in a run of several parties: its rank, the addresses of all, and how long it waits.

The environment says it: `CAUSAL_LPM_RANK`, `CAUSAL_LPM_ADDRESSES` (`host:port` of each party in the order of ranks, and
the dealer's last), and `CAUSAL_LPM_TRANSPORT` where an address is not of this machine.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from causal_lpm import validate

__all__ = ["TRANSPORTS", "Patience", "Place"]

RANK, ADDRESSES, TRANSPORT = "CAUSAL_LPM_RANK", "CAUSAL_LPM_ADDRESSES", "CAUSAL_LPM_TRANSPORT"
TRANSPORTS = ("wireguard", "mutual-tls")
"""What may protect messages between machines; the package sends them as they are, through it."""


@dataclass(frozen=True)
class Patience:
    """How long a process waits for others, in seconds.

    Attributes:
        start: Until all others have connected.
        beat: Between two signs of life.
        silence: Without a sign of life, until a process counts as lost.
    """

    start: float = 25.0
    beat: float = 1.0
    silence: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.beat < self.silence or not self.start > 0:
            raise ValueError(
                f"signs of life every {self.beat:g} s, lost after {self.silence:g} s, start within {self.start:g} s: "
                "all must be above 0, and a process may be lost only after more than one sign is missing."
            )


@dataclass(frozen=True)
class Place:
    """The rank of this process among all, each with its address.

    Args:
        rank: 0, 1, ... for parties; the number of parties for the dealer.
        addresses: `host:port` of every party and, last, of the dealer.
        transport: What protects messages between machines, one of `TRANSPORTS`; needed unless all addresses are
            loopback ones.
        patience: How long it waits for others.

    Raises:
        ValueError: fewer than two parties, an address without a port or given twice, a rank without an address, an
            address outside of this machine without a transport.

    >>> Place(1, ("127.0.0.1:7000", "127.0.0.1:7001", "127.0.0.1:7002")).parties
    2
    """

    rank: int
    addresses: tuple[str, ...]
    transport: str | None = None
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        if len(self.addresses) < 3:
            raise ValueError(
                f"there are {len(self.addresses)} addresses: give one to each of two or more parties, and one to the "
                "dealer, the last, with commas between."
            )
        validate.unique_entries("address", self.addresses)
        validate.whole_number("rank", self.rank, low=0, high=len(self.addresses) - 1)
        if self.transport is not None:
            validate.known("transport", self.transport, TRANSPORTS)
        for address in self.addresses:
            host, _ = _host_and_port(address)
            if self.transport is None and not _is_loopback(host):
                raise ValueError(
                    f"the address {address} is not of this machine, and messages would travel unprotected: name what "
                    f"protects them with transport=, one of {', '.join(map(repr, TRANSPORTS))}."
                )

    @property
    def parties(self) -> int:
        """How many there are, without the dealer; its rank is this number."""
        return len(self.addresses) - 1

    @property
    def is_dealer(self) -> bool:
        """Whether this process deals."""
        return self.rank == self.parties

    def host_and_port(self, rank: int) -> tuple[str, int]:
        """The address of a process."""
        return _host_and_port(self.addresses[rank])

    @classmethod
    def from_environment(
        cls,
        rank: int | None = None,
        transport: str | None = None,
        patience: Patience | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> "Place":
        """The place that the environment gives; what is given here comes first.

        Raises:
            ValueError: there are no addresses, or no rank; or as for `Place`.
        """
        env = os.environ if environment is None else environment
        if ADDRESSES not in env:
            raise ValueError(
                f"{ADDRESSES} is not set: give host:port of every party and, last, of the dealer, with commas between, "
                "as in 127.0.0.1:7000,127.0.0.1:7001,127.0.0.1:7002."
            )
        addresses = tuple(address.strip() for address in env[ADDRESSES].split(","))
        if rank is None:
            if not env.get(RANK, "").isdecimal():
                said = f"{RANK} is {env[RANK]!r}" if RANK in env else f"there is no rank, and {RANK} is not set"
                raise ValueError(f"{said}: give the place of this process among the addresses, from 0.")
            rank = int(env[RANK])
        return cls(rank, addresses, transport or env.get(TRANSPORT) or None, patience or Patience())


def _host_and_port(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"the address {address!r} is not host:port: give one such as 127.0.0.1:7000.")
    return host.strip("[]"), int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: only this one needs no look-up
        return host == "localhost"

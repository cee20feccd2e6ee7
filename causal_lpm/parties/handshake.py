"""Before anything is shared, parties compare all that must be equal, and learn how many agents each has."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from causal_lpm.parties.channel import TcpChannel
from causal_lpm.parties.faults import Disagreement

__all__ = ["Agreed", "agree_on"]


@dataclass(frozen=True)
class Agreed:
    """What the parties found when they compared.

    Attributes:
        blocks: First row and end of each party's agents.
        each: What each party has said of itself, in the order of ranks.
    """

    blocks: tuple[tuple[int, int], ...]
    each: tuple[Mapping[str, str], ...]

    @property
    def agents(self) -> int:
        """How many there are in all."""
        return self.blocks[-1][1]


@dataclass(frozen=True)
class _Said:
    equal: dict[str, str]
    own: dict[str, str]
    agents: int


def agree_on(channel: TcpChannel, equal: Mapping[str, str], own: Mapping[str, str], agents: int) -> Agreed:
    """Compares with all other parties; all of it becomes public.

    Args:
        channel: To the other parties.
        equal: What -> value that all must have in common, such as "seed" -> "7".
        own: What may differ: the number of the last checkpoint, say.
        agents: How many agents this party has; its rows follow those of lower ranks.

    Raises:
        Disagreement: something that should be equal is not; it says what, and at whom.
    """
    mine = _Said(dict(equal), dict(own), agents)
    got = {channel.rank: mine}
    for rank, text in channel.agree(json.dumps(asdict(mine))).items():
        got[rank] = _read(rank, text)
    first = got[0].equal
    for rank in range(1, channel.parties):
        other = got[rank].equal
        for what in [*equal, *sorted({*first, *other} - {*equal})]:
            if first.get(what) != other.get(what):
                raise Disagreement(
                    f"{what} of party {rank} is {_shown(other.get(what))} and of party 0 {_shown(first.get(what))}: "
                    "give all parties the same. Nothing was shared."
                )
    ends = [0]
    for rank in range(channel.parties):
        ends.append(ends[-1] + got[rank].agents)
    blocks = tuple(itertools.pairwise(ends))
    channel.public("the handshake", json.dumps(first, sort_keys=True).encode(), repr(blocks).encode())
    return Agreed(blocks, tuple(got[rank].own for rank in range(channel.parties)))


def _read(rank: int, text: str) -> _Said:
    try:
        said = json.loads(text)
        equal, own = ({str(k): str(v) for k, v in said[part].items()} for part in ("equal", "own"))
        return _Said(equal, own, _count(said["agents"]))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise Disagreement(
            f"party {rank} greets in a way that this version does not know: install one version everywhere."
        ) from error


def _count(x: object) -> int:
    if type(x) is not int or x < 1:
        raise ValueError(x)
    return x


def _shown(value: str | None) -> str:
    return "not there" if value is None else value if len(value) <= 120 else f"{value[:117]}..."

"""A simulation becomes real: one process a party, each with its own agents, and only releases come out of them."""

import atexit
import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch

from causal_lpm.agents.population import Population
from causal_lpm.handlers.noise import KeyedNoise
from causal_lpm.handlers.private.additive import Additive
from causal_lpm.handlers.private.channel import Cost
from causal_lpm.handlers.private.messenger import NoiseMode, Small
from causal_lpm.handlers.private.numbers import is_secret
from causal_lpm.ops.simulation import Rollout
from causal_lpm.parties.channel import TcpChannel, tell_others
from causal_lpm.parties.checkpoints import Checkpointed, Folder
from causal_lpm.parties.fingerprint import fingerprint
from causal_lpm.parties.group_sizes import GroupSizes
from causal_lpm.parties.handshake import Agreed, agree_on
from causal_lpm.parties.heard_contacts import HeardContacts
from causal_lpm.parties.ledger import Ledger
from causal_lpm.parties.opening import Opening
from causal_lpm.parties.output import refuse_existing, write_output
from causal_lpm.parties.own_luck import PrivateRun
from causal_lpm.parties.own_rows import Ends, check_rows, read_rows, share
from causal_lpm.parties.place import Place
from causal_lpm.parties.recordings import Recordings, read_recordings
from causal_lpm.parties.release import Release
from causal_lpm.parties.resuming import resumed, told
from causal_lpm.parties.settings import Settings
from causal_lpm.parties.transcript import Transcript

__all__ = ["RealSimulation", "decentralize"]

Simulation: TypeAlias = Callable[..., Rollout]
"""A model and its networks: everybody's population, and contacts where only tokens are known -> its rollout."""


@dataclass
class _Deployed:
    """What a party has once all agree."""

    channel: TcpChannel
    layer: Additive
    mine: Population
    ends: Ends
    heard: Recordings | None
    agreed: Agreed
    folder: Folder | None
    done: int
    luck: bytes

    def contacts(self) -> tuple[HeardContacts, ...]:
        """The network that the simulation is given, where contacts are known by tokens alone."""
        if self.heard is None:
            return ()
        slots = max(int(each["slots"]) for each in self.agreed.each)
        return (HeardContacts(self.heard, self.layer, self.agreed.blocks, slots),)


class RealSimulation:
    """A simulation that several processes run together; made by `decentralize`.

    A context manager: leaving it ends the connections, and tells all other processes where there was an error.

    Attributes:
        ledger: What was released, and its price.
        place: The rank and the addresses, once it is deployed.
    """

    def __init__(
        self,
        simulation: Simulation,
        settings: Settings,
        population: Population | str | Path | None,
        heard: Recordings | str | Path | None,
        out: Path | None,
        checkpoints: Path | None,
    ) -> None:
        self.simulation, self.settings = simulation, settings
        self.population, self.heard, self.out, self.checkpoints = population, heard, out, checkpoints
        self.ledger = Ledger()
        self.place: Place | None = None
        self._parts: _Deployed | None = None

    @property
    def cost(self) -> Cost:
        """Rounds and bytes so far."""
        return self._deployed().channel.cost

    def deploy(self, place: Place | None = None) -> None:
        """Connects with all other processes, compares what must be equal, and reads this party's own agents.

        Args:
            place: The rank and the addresses; by default as the environment gives them.

        Raises:
            ValueError: it is deployed already; no population, or rows that may not be shared; an unsafe release.
            FileExistsError: the output is there, or the checkpoints are of another run.
            PartyLost: a process does not connect, or has gone.
            Disagreement: what differs between the parties.
        """
        if self._parts is not None:
            raise ValueError("the simulation is deployed already: call sync.")
        self.place = Place.from_environment() if place is None else place
        self.settings.release.check_parties(self.place.parties)
        try:
            own = self._own()
        except Exception as error:
            tell_others(self.place, error)
            raise
        channel = TcpChannel(self.place)
        try:
            self._parts = self._agreed(channel, *own)
        except BaseException as error:
            channel.__exit__(type(error), error, None)
            raise
        atexit.register(self.close)

    def sync(self) -> Rollout:
        """Runs the simulation with all other parties: what is released, equal at every party.

        Raises:
            ValueError: it is not deployed; a total that may not be released, after which nothing is.
            PartyLost: a process has gone.
            Disagreement: something public differs, or a message did not arrive as it was sent.
        """
        parts = self._deployed()
        try:
            return self._synced(parts)
        except BaseException as error:
            self._parts = None
            parts.channel.__exit__(type(error), error, None)
            raise

    def confirm(self, released: Mapping[str, torch.Tensor]) -> None:
        """Ends when all parties have the same released numbers: all keep them, or none.

        Raises:
            Disagreement: another party has other numbers.
            PartyLost: a process has gone.
        """
        channel = self._deployed().channel
        channel.public("the released totals", *(x.detach().numpy().tobytes() for _, x in sorted(released.items())))
        channel.exchange({})

    def close(self) -> None:
        """Ends the connections; other processes learn that this one needs nothing more."""
        atexit.unregister(self.close)
        if self._parts is not None:
            channel, self._parts = self._parts.channel, None
            channel.__exit__(None, None, None)

    def __enter__(self) -> "RealSimulation":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and self._parts is not None:
            channel, self._parts = self._parts.channel, None
            channel.__exit__(kind, error, trace)
        self.close()

    def _deployed(self) -> "_Deployed":
        if self._parts is None:
            raise ValueError("the simulation is not deployed: call deploy first.")
        return self._parts

    def _own(self) -> tuple[Population, Ends, Recordings | None]:
        """What this party brings, read and checked before it connects."""
        if self.out is not None:
            refuse_existing(self.out)
        if self.population is None:
            raise ValueError("this party has no population: give the file of its own agents (population=).")
        mine = read_rows(self.population)
        ends = self.settings.ends(mine)
        check_rows(mine, ends)
        if self.settings.protocol != "blocks":
            return mine, ends, read_recordings(self.heard, mine.size)
        if self.heard is not None:
            raise ValueError("recordings are given, and protocol='blocks' takes none: say 'ble_contact_tracing'.")
        return mine, ends, None

    def _agreed(self, channel: TcpChannel, mine: Population, ends: Ends, heard: Recordings | None) -> "_Deployed":
        equal = self.settings.compared(self.simulation, mine)
        folder = None
        if self.checkpoints is not None:
            rows = fingerprint({"rows": mine.attributes, "heard": None if heard is None else vars(heard)})
            settings = hashlib.blake2b(json.dumps([equal, rows]).encode(), digest_size=8).hexdigest()
            folder = Folder(self.checkpoints, settings)
            self.ledger = self.ledger.also_in(self.checkpoints / "ledger.jsonl")
        own = {**told(folder), "slots": str(0 if heard is None else heard.slots)}
        agreed = agree_on(channel, {**equal, "checkpoints": "kept" if folder else "none"}, own, mine.size)
        done = 0 if folder is None else resumed(folder, agreed)
        luck = secrets.token_bytes(32) if folder is None else folder.luck()
        return _Deployed(channel, Additive(channel), mine, ends, heard, agreed, folder, done, luck)

    @contextmanager
    def running(self, release: Release, keep: bool = False) -> Iterator[tuple[Population, tuple[HeardContacts, ...]]]:
        """In the block models run on shares: everybody's population, and the network of what was heard.

        Args:
            release: What may be opened in it.
            keep: Whether its steps are kept as checkpoints, where there is a folder for them.
        """
        parts, settings = self._deployed(), self.settings
        blocks = parts.agreed.blocks
        with ExitStack() as handlers:
            if settings.seed is not None:
                handlers.enter_context(KeyedNoise(settings.seed))
            sizes = GroupSizes()
            opening = Opening(release, sizes, self.ledger)
            private = PrivateRun(
                parts.layer, settings.noise, opening, settings.small, blocks, parts.luck, tuple(parts.mine)
            )
            handlers.enter_context(private)
            handlers.enter_context(sizes)
            if keep and parts.folder is not None:
                handlers.enter_context(Checkpointed(parts.folder, parts.layer, parts.done))
            handlers.enter_context(Transcript(parts.channel))
            yield share(parts.mine, blocks, parts.layer, parts.ends, settings.public), parts.contacts()

    def _synced(self, parts: "_Deployed") -> Rollout:
        channel = parts.channel
        with self.running(self.settings.release, keep=True) as (people, contacts):
            run = self.simulation(people, *contacts)
        if not isinstance(run, Rollout):
            raise ValueError(f"the simulation returned {type(run).__name__}: return the Rollout of its rollout.")
        released = {name: series for name, series in run.tallies.items() if not is_secret(series)}
        self.confirm(released)
        if self.out is not None:
            write_output(self.out, released, self.ledger, channel.cost)
        if parts.folder is not None:
            parts.folder.remove()
            parts.folder, self.ledger = None, Ledger(tuple(self.ledger.entries))
        return Rollout({}, released)


def decentralize(
    simulation: Simulation,
    protocol: str = "blocks",
    *,
    release: Release,
    population: Population | str | Path | None = None,
    noise: NoiseMode = "owner",
    small: Small | None = None,
    public: Collection[str] = (),
    seed: int | None = None,
    heard: Recordings | str | Path | None = None,
    out: str | Path | None = None,
    checkpoints: str | Path | None = None,
) -> RealSimulation:
    """The simulation of a population of which several parties have a part each, which they do not show each other.

    Every party runs the same program, in a process of its own, with its own population; and one process deals
    (`causal-lpm dealer`). Rank and addresses come from the environment, see `Place`.

    Args:
        simulation: Takes everybody's population, of secrets, and returns a rollout; the same at all parties.
        protocol: `"blocks"`: who may meet whom is public, and in the simulation. `"ble_contact_tracing"`: nobody knows
            who met whom; the simulation takes a network too, of the tokens that were heard (`HeardContacts`).
        release: Which totals are opened, within which limits.
        population: This party's own agents, or their Parquet file; its rows follow those of lower ranks.
        noise: Who knows the luck of an agent: its `"owner"`, nobody (`"dealt"`), or everybody (`"public"`).
        small: Entries of the state and attributes with few values: how many from 0, or the lowest and the highest. They
            take one round where others take several.
        public: Attributes that everybody may see.
        seed: Of public noise and of networks; None where the simulation brings its own.
        heard: What this party's agents sent and heard, or its Parquet file, for contact tracing.
        out: A new folder for what is released.
        checkpoints: A folder of this party: a run that was cut off goes on from there, and the folder is removed when
            the totals are released.

    Raises:
        ValueError: an unknown protocol or kind of noise; public noise with exact totals that nobody has asked for.

    >>> from causal_lpm.parties import Release
    >>> real_sim = decentralize(lambda people: None, release=Release(cases=(0, 500)))
    >>> real_sim.sync()
    Traceback (most recent call last):
    ValueError: the simulation is not deployed: call deploy first.
    """
    return RealSimulation(
        simulation,
        Settings(protocol, release, noise, dict(small or {}), tuple(public), seed),
        population,
        heard,
        None if out is None else Path(out),
        None if checkpoints is None else Path(checkpoints),
    )

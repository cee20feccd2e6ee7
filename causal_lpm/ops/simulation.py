"""What a solver says of a whole simulation, and what a part of a model says of its noise: messages for handlers.

A handler that remembers something of a simulation begins anew when one begins, and forgets when one ends what failed.
Pyro calls what a handler does after a message only where that succeeded: nothing else tells it of an exception.
"""

from pyro.poutine.runtime import effectful

__all__ = ["once", "simulation_begins", "simulation_ends"]


@effectful(type="simulation_begins")
def simulation_begins(first_step: int, prefix: str) -> None:
    """A simulation begins: its policies are there, and none of its steps has run.

    Args:
        first_step: Number of its first step; above 0 where it may go on from an earlier simulation.
        prefix: Prefix of the rollout's sites, `""` or `"name/"`.
    """


@effectful(type="simulation_ends")
def simulation_ends(well: bool) -> None:
    """The simulation that began last has ended.

    Args:
        well: Whether all of its steps have run; otherwise an exception ended it, and nothing of it counts.
    """


@effectful(type="once")
def once(what: str) -> None:
    """Noise is about to be drawn under a default name, which two parts of a model may use without meaning to.

    Args:
        what: What draws it, with its name, for the message.

    Raises:
        ValueError: under `KeyedNoise` or `Seeds`, when it is drawn a second time with the same seed.
    """

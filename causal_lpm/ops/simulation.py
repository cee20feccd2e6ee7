"""What a solver says of a whole simulation, and what a part of a model says of its noise: messages for handlers.

A handler that remembers something of a simulation begins anew at `begin` and forgets at `failed`. Pyro calls what a
handler does after a message only where the message succeeded, so that nothing else tells it of an exception.
"""

from pyro.poutine.runtime import effectful

__all__ = ["begin", "failed", "once"]


@effectful(type="begin")
def begin(first_step: int, prefix: str) -> None:
    """A simulation begins: its policies are there, and none of its steps has run.

    Args:
        first_step: Number of its first step; above 0 where it may go on from an earlier simulation.
        prefix: Prefix of the rollout's sites, `""` or `"name/"`.
    """


@effectful(type="failed")
def failed(prefix: str) -> None:
    """The simulation that began last was ended by an exception: nothing of it counts.

    Args:
        prefix: As in `begin`.
    """


# Pyro's `effectful` takes the keyword name for itself: it travels by position.
@effectful(type="once")
def once(kind: str, name: str) -> None:
    """Noise is about to be drawn under a name that a part of a model uses by default.

    Args:
        kind: What draws it, for the message.
        name: Name of the noise.

    Raises:
        ValueError: under `KeyedNoise` or `Seeds`, a name that was used before with the same seed.
    """

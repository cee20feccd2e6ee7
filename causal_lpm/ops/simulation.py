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


@effectful(type="once")
def once(what: str) -> None:
    """Noise is about to be drawn under a default name, which two parts of a model may use without meaning to.

    Args:
        what: What draws it, with its name, for the message.

    Raises:
        ValueError: under `KeyedNoise` or `Seeds`, when it is drawn a second time with the same seed.
    """

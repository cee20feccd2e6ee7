"""What is refused on secrets, and why."""

__all__ = ["INTO_PUBLIC", "ON_A_VIEW", "Leak", "Unsupported"]

INTO_PUBLIC = "a secret would be written into a public tensor: use an operation that makes a new one."
ON_A_VIEW = "an operation in place on a view of secrets, or on what has views: use torch.where, or clone it before."


class Leak(RuntimeError):
    """Somebody asked for the value of a secret: only a total that is released leaves the shares.

    >>> raise Leak("a secret was used as a condition")
    Traceback (most recent call last):
    causal_lpm.handlers.private.errors.Leak: a secret was used as a condition
    """


class Unsupported(NotImplementedError):
    """An operation has no version on secrets; the message says what to use instead.

    >>> raise Unsupported("a secret is divided by a secret")
    Traceback (most recent call last):
    causal_lpm.handlers.private.errors.Unsupported: a secret is divided by a secret
    """

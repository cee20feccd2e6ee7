"""The seed of each replicate; kept by itself because a change here changes every number."""

__all__ = ["replicate_seed"]

_MASK = 2**64 - 1


def replicate_seed(seed: int, replicate: int) -> int:
    """The seed of one replicate, in [0, 2**63): output number `replicate` of SplitMix64 begun at `seed`.

    Source: Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators.

    >>> replicate_seed(0, 0)
    8147104208329303767
    """
    x = (seed + (replicate + 1) * 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return (x ^ (x >> 31)) >> 1

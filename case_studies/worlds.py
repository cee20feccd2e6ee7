"""The worlds that a study is asked about, checked before anything runs."""

from collections.abc import Mapping

from causal_lpm.inference import Policy, Worlds, known

__all__ = ["check_worlds"]


def check_worlds(worlds: Worlds, policies: Mapping[str, Policy], what: str = "a number") -> None:
    """Whether every world has policies of the study, in their ranges.

    Args:
        worlds: World -> policy -> value.
        policies: Of the study, by name.
        what: What a value is, for the sentence.

    Raises:
        ValueError: an unknown policy, or one outside its range.
    """
    for world, given in worlds.items():
        for name, value in given.items():
            known("policy", name, policies)
            low, high = policies[name].low, policies[name].high
            if not low <= value <= high:
                raise ValueError(f"{name} is {value:g} in world {world!r}: give {what} from {low:g} to {high:g}.")

"""What the study is in both populations: outcomes by age group, its usual size, and the sizes that can be run."""

from case_studies.second_dose import inputs
from causal_lpm.inference import Options, fits_in_memory

__all__ = ["OUTCOMES", "AgeGroupStudy", "check_size", "side_by_side"]

OUTCOMES = ("deaths", "infections", "hospitalisations")
FEWEST_AGENTS = 500  # so that no age group is empty
MOST_DAYS = 3650  # the model counts days in 16 bits, and 10,000 days stand for never
WORLDS_AT_A_TIME = 8
AGENTS_AT_A_TIME = 20_000_000  # in all worlds that run side by side
BYTES_PER_AGENT = 250  # of one world, at the peak of a day; the first one has the population too


class AgeGroupStudy:
    """What the study is in every population: outcomes by age group, and its usual size."""

    outcomes = OUTCOMES
    groups = inputs.AGES
    coupling = "keyed noise: each agent meets the same thresholds, contacts and course of disease in every world"
    default_agents = 100_000
    default_days = 180
    default_replicates = 20
    full_replicates = 40
    not_simulating = ("report.py",)


def side_by_side(agents: int) -> int:
    """How many worlds run side by side: more cost less, until they no longer fit the caches and the memory."""
    return max(1, min(WORLDS_AT_A_TIME, AGENTS_AT_A_TIME // agents))


def check_size(options: Options, worlds: int) -> None:
    """Raises ValueError for too few or too many days, too few agents to report on, or more than memory holds."""
    if options.days < 2:
        raise ValueError(f"days is {options.days}: the state at the start of a day is reported, give at least 2.")
    if options.days > MOST_DAYS:
        raise ValueError(f"days is {options.days}: the model knows ten years, give at most {MOST_DAYS}.")
    if options.agents < FEWEST_AGENTS:
        raise ValueError(f"agents is {options.agents}: fewer than {FEWEST_AGENTS} leave age groups empty.")
    together = min(worlds, side_by_side(options.agents))
    fits_in_memory(f"{options.agents:.3g} agents", together * options.agents * BYTES_PER_AGENT)

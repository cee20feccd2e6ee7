"""Names of parts that a population can have twice, such as the campaigns against two diseases."""


def named(part: str, what: str) -> str:
    """The name of a part's noise, event, tally, policy or entry of the state: with the part's own in front.

    >>> named("", "positive"), named("flu", "positive")
    ('positive', 'flu_positive')
    """
    return f"{part}_{what}" if part else what

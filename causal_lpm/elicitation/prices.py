"""What models cost."""

from collections.abc import Mapping
from dataclasses import dataclass

from causal_lpm import validate

__all__ = ["PRICES", "Price", "price_of"]


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens, of direct calls; a batch costs half.

    Raises:
        ValueError: a price that is negative or not finite.

    >>> Price(1.0, 5.0).batch(1_000_000, 0)
    0.5
    """

    input: float
    output: float

    def __post_init__(self) -> None:
        for name in ("input", "output"):
            validate.amount(f"the {name} price", getattr(self, name), "US dollars for a million tokens")

    def batch(self, input_tokens: float, output_tokens: float) -> float:
        """Dollars of so many tokens, sent as a batch."""
        return (input_tokens * self.input + output_tokens * self.output) / 2e6


PRICES = {
    "claude-haiku-5-5": Price(0.10, 0.50),
    "claude-sonnet-5-5": Price(2.0, 10.0),
    "claude-opus-5-5": Price(4.0, 20.0),
    "claude-haiku-4-5": Price(1.0, 5.0),
}
"""Model -> price, as of November 2026; give `prices=` where they have changed."""


def price_of(model: str, prices: Mapping[str, Price] | None = None) -> Price:
    """The price of a model.

    Raises:
        ValueError: it is not known, or no `Price`.
    """
    known = {**PRICES, **(prices or {})}
    if model not in known:
        raise ValueError(
            f"the price of {model!r} is not known: {validate.did_you_mean(model, known)} Or give it, as in "
            f"prices={{{model!r}: Price(input=1.0, output=5.0)}}."
        )
    price = known[model]
    if not isinstance(price, Price):
        raise ValueError(f"the price of {model!r} is {price!r}: give Price(input=1.0, output=5.0).")
    return price

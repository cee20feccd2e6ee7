"""One answer, and how a reply becomes one: what is no answer is never counted as "no"."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from causal_lpm.elicitation.question import value_of

__all__ = ["AGAIN", "SAYS", "Answer", "read_reply"]

AGAIN = ("cut off", "malformed", "errored", "expired", "canceled", "missing")
"""Statuses of what is asked again; "ok" and "refused" are answers."""
SAYS = "synthetic respondent, no language model was asked"
"""Source of answers that a rule gave."""
SAID = 500  # characters of a malformed reply that are kept


@dataclass(frozen=True)
class Answer:
    """What came back for one key.

    Attributes:
        key: Hash of the request, and the number of the answer.
        status: "ok", "refused", or one of those that are asked again.
        value: What the text says, bool, whole percentage or choice; None unless the status is "ok".
        text: As it came.
        served: The model that answered, as it calls itself.
        source: Who was asked.
        input_tokens: Billed.
        output_tokens: Billed.
    """

    key: str
    status: str
    value: bool | int | str | None
    text: str
    served: str
    source: str
    input_tokens: int = 0
    output_tokens: int = 0


def read_reply(key: str, schema: Mapping[str, Any], message: Any, source: str) -> Answer:
    """The answer in a message of the service, whatever shape it has.

    Args:
        key: Of the answer.
        schema: What was asked for.
        message: `anthropic.types.Message`, or what came in its place.
        source: Who was asked.
    """
    content = getattr(message, "content", None)
    if not isinstance(content, list):
        return Answer(key, "malformed", None, _whole(str(message)), "", source)
    usage = getattr(message, "usage", None)
    told = [_tokens(usage, kind) for kind in ("input", "cache_read_input", "cache_creation_input")]
    served = _whole(str(getattr(message, "model", "") or ""))
    billed = sum(told), _tokens(usage, "output")
    # A thinking block may come first.
    text = "".join(str(block.text) for block in content if getattr(block, "type", "") == "text")
    stopped = getattr(message, "stop_reason", None)
    if stopped == "refusal":
        return Answer(key, "refused", None, _whole(text), served, source, *billed)
    if stopped == "max_tokens":
        return Answer(key, "cut off", None, _whole(text), served, source, *billed)
    value = value_of(schema, text)
    if value is None:
        return Answer(key, "malformed", None, _whole(text), served, source, *billed)
    return Answer(key, "ok", value, text, served, source, *billed)


def _tokens(usage: Any, kind: str) -> int:
    """What was billed; 0 where it is no number, since an answer is kept whatever stands beside it."""
    value = getattr(usage, f"{kind}_tokens", 0)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _whole(text: str) -> str:
    """A text that can be kept: its beginning, and half a character, which JSON may hold, as "?"."""
    return text[:SAID].encode(errors="replace").decode()

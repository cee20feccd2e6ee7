"""One call to a service that fails in all ways that services do: which failures end the work, which are tried again."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from causal_lpm.elicitation.failures import ElicitationError

__all__ = ["Lost", "NotThereError", "Refusal", "TooLarge", "call", "waits", "wire_errors"]

Result = TypeVar("Result")

FINAL = {
    400: "it takes the request for invalid",
    401: "the key is not valid: set ANTHROPIC_API_KEY to one that is",
    402: "the account cannot pay: see to its billing",
    403: "the key may not do this",
    404: "it knows no such model or batch",
    422: "it cannot process the request",
}
"""Status -> what it means; trying again would not help."""
TRIES = 6
LONGEST_WAIT = 300.0
"""Seconds that a call waits when the service asks it to; for longer, the work ends and goes on in a later call."""


class NotThereError(ElicitationError):
    """The service knows no such thing."""


class Lost(Exception):
    """No reply that can be read came: whether the request arrived is not known.

    Attributes:
        wait: Seconds that the service asked to wait, or None.
    """

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


class Refusal(Lost):
    """The service said that it did not take the request now, and may take it later."""


class TooLarge(Exception):
    """The request is larger than the service takes."""


def wire_errors() -> tuple[type[Exception], ...]:
    """What the SDK raises where no whole reply came, in the middle of a stream as well."""
    import anthropic
    import httpx2

    return (
        anthropic.AnthropicError,  # no connection, no valid reply, no place of results
        httpx2.HTTPError,
        httpx2.StreamError,
        json.JSONDecodeError,
        UnicodeDecodeError,
    )


def call(do: Callable[[], Result], expected: Callable[[Result], bool], client: Any) -> Result:
    """One call, whose failures become one of four.

    Args:
        do: Calls the SDK, which must not retry by itself.
        expected: Whether a reply has the shape that it should have.
        client: Of the SDK; its key is taken out of what a service says.

    Raises:
        ElicitationError: trying again would not help.
        TooLarge: the request is too large.
        Refusal: it was not taken, and may be later.
        Lost: the reply was lost, or is none.
    """
    import anthropic

    try:
        reply = do()
    except anthropic.APIStatusError as error:
        status, said = error.status_code, _said(error, client)
        if status in FINAL:
            final = NotThereError if status == 404 else ElicitationError
            raise final(f"the service answered {status}, {FINAL[status]} ({said}).") from None
        if status == 413:
            raise TooLarge(said) from None
        kind = Refusal if status == 429 else Lost
        raise kind(f"status {status} ({said})", _asked_to_wait(error)) from None
    except wire_errors() as error:
        raise Lost(f"{type(error).__name__}, no whole reply") from None
    except TypeError as error:
        if "authentication" not in str(error):
            raise
        raise ElicitationError("there is no key: set ANTHROPIC_API_KEY; nothing was sent.") from None
    if not expected(reply):
        raise Lost(f"a reply of another kind, {type(reply).__name__}")
    return reply


def waits(attempt: int, lost: Lost, kept: str) -> float:
    """Seconds to wait before the next attempt.

    Raises:
        ElicitationError: it was the last one, or the service asks to wait for long.
    """
    if attempt + 1 >= TRIES:
        raise ElicitationError(f"the service failed {TRIES} times, the last time with {lost}; {kept}") from None
    if lost.wait is not None and lost.wait > LONGEST_WAIT:
        raise ElicitationError(f"the service asks to wait {lost.wait:.0f} s ({lost}); {kept}") from None
    return max(min(60.0, 2.0**attempt), lost.wait or 0.0)


def _said(error: Any, client: Any) -> str:
    """The message of the service, without the key."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")
    said = str(inner.get("message", "") if isinstance(inner, dict) else "") or "no reason given"
    return without_keys(said, client)[:200]


def without_keys(text: str, client: Any) -> str:
    """A text in which no key of the client stands."""
    for key in (getattr(client, "api_key", None), getattr(client, "auth_token", None)):
        if key:
            text = text.replace(str(key), "[key]")
    return text


def _asked_to_wait(error: Any) -> float | None:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None

"""The results of a batch, which come as a stream that may end early without an error."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from causal_lpm.elicitation.failures import ElicitationError
from causal_lpm.elicitation.service import Lost, NotThereError, call, waits, wire_errors, without_keys

__all__ = ["Reading", "read_results"]

HOPELESS = ("invalid_request_error", "not_found_error", "permission_error", "authentication_error", "billing_error")
"""Errors of single requests that come again when they are asked again."""
READS = 4


@dataclass(frozen=True)
class Reading:
    """What could be read.

    Attributes:
        lines: Key -> result.
        whole: Whether as many lines came as the batch has requests.
        final: What the service said of a request that it will never take; empty where there is none.
        gone: Whether the service has the rest no longer.
    """

    lines: Mapping[str, Any]
    whole: bool
    final: str = ""
    gone: bool = False


def read_results(client: Any, id: str, expected: int, sleep: Callable[[float], None], kept: str) -> Reading:
    """Reads the results of a batch that has ended, again where they end early.

    Args:
        client: Of the SDK.
        id: Of the batch.
        expected: Requests of the batch, as it counts them.
        sleep: Waits so many seconds.
        kept: What an error says of what is kept.

    Raises:
        ElicitationError: the service refuses before a result came, or does not begin to answer.
    """
    cut: tuple[type[Exception], ...] = (*wire_errors(), TypeError, ValueError, AttributeError)  # a line is no result
    lines: dict[str, Any] = {}
    for attempt in range(READS):
        try:
            stream = call(partial(client.messages.batches.results, id), _is_stream, client)
        except Lost as lost:
            if attempt + 1 == READS and lines:
                break
            sleep(waits(attempt, lost, kept))
            continue
        except NotThereError:
            return Reading(lines, False, gone=True)
        except ElicitationError:
            if not lines:
                raise
            break
        try:
            with closing(stream):
                for line in stream:
                    custom, result = getattr(line, "custom_id", None), getattr(line, "result", None)
                    if isinstance(custom, str) and getattr(result, "type", None) is not None:
                        lines[custom] = result
        except cut:
            pass
        if len(lines) >= expected:
            break
        sleep(min(60.0, 2.0**attempt))
    if not lines and expected:
        raise ElicitationError(f"the results of batch {id} cannot be read; {kept}")
    return Reading(lines, len(lines) >= expected, _final(lines, client))


def _is_stream(reply: Any) -> bool:
    return hasattr(reply, "__iter__") and hasattr(reply, "close")


def _final(lines: Mapping[str, Any], client: Any) -> str:
    """What the service said, where it refuses every request of the batch."""
    said = ""
    for result in lines.values():
        error = getattr(getattr(result, "error", None), "error", None)
        if result.type != "errored" or getattr(error, "type", "") not in HOPELESS:
            return ""
        said = said or without_keys(str(getattr(error, "message", "")), client)[:200]
    return said

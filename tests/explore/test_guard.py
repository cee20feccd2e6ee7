"""Pages of other sites, and names of theirs that lead to this machine, get no answer."""

import asyncio
from typing import Any

import pytest

from causal_lpm.explore.guard import guarded


async def inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


def answers(kind: str, **headers: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": kind, "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    asyncio.run(guarded(inner, 8000)(scope, None, send))  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000"])
def test_the_page_itself_is_answered_and_may_speak_to_this_machine_only(host: str) -> None:
    (start,) = answers("http", host=host, origin=f"http://{host}")
    assert start["status"] == 200
    policy = dict(start["headers"])[b"content-security-policy"].decode()
    assert "default-src 'self'" in policy
    assert f"connect-src 'self' ws://{host};" in policy


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8000"},
        {"host": "127.0.0.1:9000"},
        {},
        {"host": "127.0.0.1:8000", "origin": "http://evil.example"},
        {"host": "127.0.0.1:8000", "origin": "null"},
    ],
)
def test_anybody_else_is_refused(headers: dict[str, str]) -> None:
    assert answers("http", **headers)[0]["status"] == 403
    assert answers("websocket", **headers) == [{"type": "websocket.close", "code": 1008}]

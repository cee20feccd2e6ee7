"""Who may speak to a page: browsers of this machine that opened it, and no page of another site."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["guarded"]

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

# A browser that obeys asks nothing of any other host, whatever a script in the page may try.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws://{host}; "
    "frame-ancestors 'none'"
)


def guarded(app: App, port: int) -> App:
    """An application of ASGI that answers what was asked of this machine by its own page.

    A page of another site can make a browser ask 127.0.0.1, also under a name of its own that leads there; both are
    seen in the headers `Host` and `Origin`, and refused.
    """
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def answer(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in hosts or (origin is not None and origin.removeprefix("http://") not in hosts):
            await _refuse(scope["type"], send)
            return

        async def with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", POLICY.format(host=host).encode())
                message = {**message, "headers": [*message.get("headers", ()), policy]}
            await send(message)

        await app(scope, receive, with_policy)

    return answer


async def _refuse(kind: str, send: Any) -> None:
    if kind == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    plain = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": plain})
    await send({"type": "http.response.body", "body": b"This page answers its own machine only."})

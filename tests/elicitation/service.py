"""A service on the loopback interface that speaks the protocol of Messages and Message Batches, and fails on order.

The real SDK talks to it, so that headers, JSON, retries, time limits and streams are those of the wire.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """A dict is sent as JSON, a text as it is; `lost` closes the connection without an answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    lost: bool = False


def failure(status: int, kind: str = "api_error", message: str = "made to fail", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"type": "error", "error": {"type": kind, "message": message}}, named)


def tokens(params: dict[str, Any]) -> int:
    """As this service counts them: unlike the package's estimate."""
    return 160 + (len(params["messages"][0]["content"]) + len(params.get("system", ""))) // 3


def message(params: dict[str, Any], text: str, stop: str = "end_turn", content: Any = None) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": params["model"],
        "stop_reason": stop,
        "stop_sequence": None,
        "content": [{"type": "text", "text": text}] if content is None else content,
        "usage": {"input_tokens": tokens(params), "output_tokens": 12},
    }


def succeeded(params: dict[str, Any], text: str, **options: Any) -> dict[str, Any]:
    return {"type": "succeeded", "message": message(params, text, **options)}


def answered(params: dict[str, Any], key: str) -> dict[str, Any]:
    """Yes in about 62 of 100, by the hash of the request and the key."""
    luck = int(hashlib.sha256((params["messages"][0]["content"] + key).encode()).hexdigest()[:8], 16) / 2**32
    return succeeded(params, json.dumps({"answer": luck < 0.62}))


class Service:
    """Batches end after `looks` looks at them; `on[(method, ending of the path)]` lists replies, used up in turn."""

    def __init__(self, looks: int = 1) -> None:
        self.looks = looks
        self.seen: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.batches: dict[str, dict[str, Any]] = {}
        self.on: dict[tuple[str, str], list[Reply | Callable[[Callable[[], Reply]], Reply]]] = {}
        self.clients: list[Any] = []
        """Are closed when the service ends."""
        self.results: dict[str, Any] = {}
        """Key -> result, or a function of the request; None leaves the line out."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def billed(self) -> int:
        """Requests that the service has taken."""
        return sum(len(batch["requests"]) for batch in self.batches.values())

    def count(self, method: str, ending: str) -> int:
        return sum(seen[0] == method and seen[1].endswith(ending) for seen in self.seen)

    def __enter__(self) -> Service:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                self._answer("GET")

            def do_POST(self) -> None:
                self._answer("POST")

            def _answer(self, method: str) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                path = self.path.split("?")[0]
                service.seen.append((method, path))
                service.headers.append(dict(self.headers))
                reply = service._reply(method, path, json.loads(raw) if raw else None)
                time.sleep(reply.delay)
                if reply.lost:
                    self.close_connection = True
                    self.connection.close()
                    return
                body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
                try:
                    self.send_response(reply.status)
                    sent = body.encode()
                    for name, value in {"content-type": "application/json", **reply.headers}.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(sent)))
                    self.end_headers()
                    self.wfile.write(sent)
                except (BrokenPipeError, ConnectionResetError):
                    pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients:
            client.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _reply(self, method: str, path: str, body: Any) -> Reply:
        for (verb, ending), replies in self.on.items():
            if verb == method and path.endswith(ending) and replies:
                ordered = replies.pop(0)
                return ordered if isinstance(ordered, Reply) else ordered(lambda: self._usual(method, path, body))
        return self._usual(method, path, body)

    def _usual(self, method: str, path: str, body: Any) -> Reply:
        if path == "/v1/messages/count_tokens":
            return Reply(body={"input_tokens": tokens(body)})
        if path == "/v1/messages/batches" and method == "POST":
            id = f"msgbatch_{len(self.batches):03d}"
            self.batches[id] = {"requests": body["requests"], "looks": 0, "made": time.time()}
            return Reply(body=self._batch(id))
        if path == "/v1/messages/batches":
            newest = sorted(self.batches, reverse=True)
            return Reply(body={"data": [self._batch(id) for id in newest], "has_more": False})
        id = path.split("/")[4] if path.count("/") >= 4 else ""
        if id not in self.batches:
            return failure(404, "not_found_error", "no such thing")
        if path.endswith("/results"):
            return Reply(body=self._lines(id), headers={"content-type": "application/x-jsonl"})
        self.batches[id]["looks"] += 1
        return Reply(body=self._batch(id))

    def _result(self, request: dict[str, Any]) -> Any:
        key, params = request["custom_id"], request["params"]
        if key not in self.results:
            return answered(params, key)
        ordered = self.results[key]
        return ordered(params) if callable(ordered) else ordered

    def _lines(self, id: str) -> str:
        # Not in the order of the requests.
        results = {r["custom_id"]: self._result(r) for r in reversed(self.batches[id]["requests"])}
        return "".join(json.dumps({"custom_id": k, "result": r}) + "\n" for k, r in results.items() if r is not None)

    def _batch(self, id: str) -> dict[str, Any]:
        batch = self.batches[id]
        ended, n = batch["looks"] > self.looks, len(batch["requests"])
        kinds = [(self._result(request) or {"type": "errored"})["type"] for request in batch["requests"]]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(batch["made"]))
        return {
            "id": id,
            "type": "message_batch",
            "processing_status": "ended" if ended else "in_progress",
            "created_at": stamp,
            "expires_at": stamp,
            "ended_at": stamp if ended else None,
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": f"{self.url}/v1/messages/batches/{id}/results" if ended else None,
            "request_counts": {
                "processing": 0 if ended else n,
                **{kind: kinds.count(kind) * ended for kind in ("succeeded", "errored", "canceled", "expired")},
            },
        }

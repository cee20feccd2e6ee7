"""A cluster of Ray is asked again where it ends a new client's process, and no more often than that."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from causal_lpm.inference.runs.addresses import TRIES, opened


class Ray:
    """So much of Ray as a connection needs: it fails so often, in this way, and then answers."""

    def __init__(self, failures: int, error: type[Exception]) -> None:
        self.failures, self.error, self.asked, self.left = failures, error, 0, 0
        self.exceptions = SimpleNamespace()

    def is_initialized(self) -> bool:
        return False

    def init(self, address: str, **options: object) -> None:
        self.asked += 1
        if self.asked <= self.failures:
            raise self.error("Initialization failure from server:\nTraceback")

    def shutdown(self) -> None:
        self.left += 1

    def remote(self, **options: object) -> Any:
        return lambda function: function


@pytest.fixture
def address() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"ray://127.0.0.1:{server.getsockname()[1]}"


def there(ray: Ray, monkeypatch: pytest.MonkeyPatch) -> Ray:
    for module in ("addresses", "ray_workers"):
        monkeypatch.setattr(f"causal_lpm.inference.runs.{module}.the_ray", lambda who: ray)
    return ray


@pytest.mark.parametrize("failures", range(TRIES))
def test_a_process_that_ends_as_it_begins_is_asked_for_again(
    failures: int, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = there(Ray(failures, ConnectionAbortedError), monkeypatch)
    with opened(address) as workers:
        assert str(workers) == address
    assert (ray.asked, ray.left) == (failures + 1, failures + 1)  # once more at the end


@pytest.mark.parametrize(
    ("failures", "error", "asked"), [(TRIES, ConnectionAbortedError, TRIES), (1, ConnectionError, 1)]
)
def test_what_fails_each_time_or_otherwise_is_one_sentence(
    failures: int, error: type[Exception], asked: int, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = there(Ray(failures, error), monkeypatch)
    sentence = rf"^Ray at {address} cannot be used \(Initialization failure from server:\): look at the address"
    with pytest.raises(ConnectionError, match=sentence), opened(address):
        pass
    assert ray.asked == asked

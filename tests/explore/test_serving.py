"""A page is there when `serve` returns, on this machine alone, and gone when it is stopped."""

import socket
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from causal_lpm.explore import serve
from tests.inference.fake_study import FakeStudy

NASTY = "</script><script>alert('&')</script>"


def test_a_page_is_served_until_it_is_stopped() -> None:
    with serve(FakeStudy(title=NASTY, coupling=NASTY), workers=1) as page:
        assert page.url in page._repr_html_()
        with urlopen(page.url) as answer:
            text, policy = answer.read().decode(), answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert 'id="policy_0"' in text
        assert "replicates, each with fresh luck" in text
        assert "<script>alert" not in text
        with pytest.raises(HTTPError, match="403"):
            urlopen(Request(page.url, headers={"Host": "evil.example"}))
    with pytest.raises(URLError):
        urlopen(page.url)


def test_a_port_that_is_taken_is_refused_in_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ValueError, match=rf"port {port} cannot be used .*: give another"):
            serve(FakeStudy(), port=port)


@pytest.mark.parametrize("port", [0, 70_000, 1.5])
def test_what_is_no_port_is_refused(port: float) -> None:
    with pytest.raises(ValueError, match=r"port is .*: give a whole number"):
        serve(FakeStudy(), port=port)  # type: ignore[arg-type]

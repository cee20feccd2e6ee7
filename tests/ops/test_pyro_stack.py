"""Our messages against Pyro's: the same handlers are asked and told, in the same order, with the same answer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyro.poutine.runtime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyro.poutine.messenger import Messenger

from causal_lpm.handlers.handler import Handler
from causal_lpm.ops.pyro_stack import effectful, listeners, vouches

SEEN: list[tuple[str, int]] = []


class Asked(Messenger):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def _pyro_ask(self, msg: Any) -> None:
        SEEN.append(("asked", self.number))


class Told(Asked):
    def _pyro_post_ask(self, msg: Any) -> None:
        SEEN.append(("told", self.number))
        msg["value"] += self.number


class Ours(Handler, Told):
    pass


class Stops(Told):
    def _pyro_ask(self, msg: Any) -> None:
        super()._pyro_ask(msg)
        msg["stop"] = True


class Answers(Asked):
    def _pyro_ask(self, msg: Any) -> None:
        msg["value"], msg["done"] = self.number, True


class HearsAll(Asked):
    def _process_message(self, msg: Any) -> None:
        SEEN.append((f"all {msg['type']}", self.number))

    def _postprocess_message(self, msg: Any) -> None:
        SEEN.append((f"all told {msg['type']}", self.number))


class Splits(Asked):
    """Brings a handler into force while it answers, as worlds do when they split."""

    def _pyro_ask(self, msg: Any) -> None:
        further = Told(100 + self.number)
        further.__enter__()
        SEEN.append(("split", self.number))


KINDS = [Asked, Told, Ours, Stops, Answers, HearsAll, Splits]


def ask(x: int) -> int:
    """Who is asked, and what is answered."""
    return x


def run(send: Callable[[int], int], kinds: list[type[Asked]]) -> tuple[int, list[tuple[str, int]], int]:
    SEEN.clear()
    stack = pyro.poutine.runtime._PYRO_STACK
    try:
        for number, kind in enumerate(kinds):
            kind(number).__enter__()
        return send(1), list(SEEN), len(stack)
    finally:
        stack.clear()


@given(kinds=st.lists(st.sampled_from(KINDS), max_size=6))
def test_messages_go_the_way_of_pyro(kinds: list[type[Asked]]) -> None:
    ours, pyros = effectful(type="ask")(ask), pyro.poutine.runtime.effectful(ask, type="ask")
    assert run(ours, kinds) == run(pyros, kinds)


def test_what_a_class_is_given_later_is_noticed_when_a_handler_comes_into_force() -> None:
    class Late(Handler):
        pass

    send = effectful(type="ask")(ask)
    with Late():
        assert send(1) == 1
        assert listeners("ask") == []
    Late._pyro_post_ask = lambda self, msg: msg.update(value=7)  # type: ignore[attr-defined]
    with Late():
        assert send(1) == 7


def test_what_a_class_of_a_users_own_or_one_object_is_given_at_any_time_is_noticed() -> None:
    class Plain(Messenger):
        pass

    send, told = effectful(type="ask")(ask), Plain()
    told._pyro_post_ask = lambda msg: msg.update(value=9)  # type: ignore[attr-defined]
    with Handler():
        with Plain():
            assert send(1) == 1
        with told:
            assert send(1) == 9
        with Plain():
            assert send(1) == 1
            Plain._pyro_post_ask = lambda self, msg: msg.update(value=7)  # type: ignore[attr-defined]
            assert send(1) == 7


def test_a_handler_that_only_hears_answers_refuses_other_threads() -> None:
    class Counts(Handler):
        def _pyro_post_ask(self, msg: Any) -> None:
            msg["value"] = 100

    send = effectful(type="ask")(ask)
    with Counts(), ThreadPoolExecutor(1) as other:
        assert send(1) == 100
        with pytest.raises(ValueError, match="two threads"):
            other.submit(send, 1).result()


def test_a_subclass_that_does_more_does_not_inherit_the_word_of_its_parent() -> None:
    class Vouched(Handler):
        silent = True

        def _pyro_ask(self, msg: Any) -> None:
            pass

    class More(Vouched):
        def _pyro_post_ask(self, msg: Any) -> None:
            pass

    class Other(Vouched):
        def _pyro_tell(self, msg: Any) -> None:
            pass

    assert [vouches(kind(), "silent", "ask") for kind in (Vouched, More, Other)] == [True, False, True]

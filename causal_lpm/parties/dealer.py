"""The dealer's process: it hands out random numbers that belong together, and learns nothing but public shapes.

It takes two kinds of messages, a key from every party and requests from party 0. It has no way to receive anything that
was opened: parties send each other what they open, over connections that it does not have.
"""

import json

import torch

from causal_lpm.handlers.private.channel import Request, as_bytes
from causal_lpm.handlers.private.dealing import Dealer
from causal_lpm.parties.faults import Disagreement
from causal_lpm.parties.fingerprint import package_fingerprint
from causal_lpm.parties.messages import Messages
from causal_lpm.parties.place import Place
from causal_lpm.parties.wire import Frame, Kind

__all__ = ["deal"]


def deal(place: Place) -> int:
    """Deals until all parties have finished.

    Args:
        place: Its rank, the last, and the addresses of all.

    Returns:
        How many requests were answered.

    Raises:
        PartyLost: a party does not connect, ends, or is silent for too long.
        Disagreement: a message that no party of this version sends, or that did not arrive as it was sent.
        ValueError: the rank is a party's.
    """
    if not place.is_dealer:
        raise ValueError(f"rank {place.rank} is a party's: the dealer has the last one, {place.parties}.")
    messages = Messages(place)
    try:
        answered = _serve(messages, Dealer(place.parties), place.parties)
    except BaseException as error:
        messages.fail(error)
        raise
    messages.finish()
    return answered


def _serve(messages: Messages, dealer: Dealer, parties: int) -> int:
    for rank, frame in messages.exchange({}, range(parties)).items():
        if frame.kind != Kind.TEXT:
            raise _unexpected(frame)
        if frame.text != package_fingerprint():
            raise Disagreement(
                f"source of causal_lpm of party {rank} is {frame.text} and of the dealer {package_fingerprint()}: "
                "install one version everywhere."
            )
    for rank, frame in messages.exchange({}, range(parties)).items():
        if frame.kind != Kind.DATA:
            raise _unexpected(frame)
        dealer.meet(rank, as_bytes(frame.value))
    answered = 0
    while (message := messages.first_of(range(parties))) is not None:
        rank, asked = message
        (extra,) = messages.exchange({}, [rank]).values()
        if rank != 0 or asked.kind != Kind.REQUEST or extra.kind not in (Kind.DATA, Kind.NOTHING):
            raise _unexpected(asked)
        request = _request(asked, extra.value if extra.kind == Kind.DATA else None)
        messages.exchange({0: Frame(Kind.DATA, 0, 0, dealer.answer(request))}, ())
        answered += 1
    return answered


def _request(frame: Frame, public: torch.Tensor | None) -> Request:
    try:
        asked = json.loads(frame.text)
        shape, given = (tuple(map(int, asked[name])) for name in ("shape", "given"))
        return Request(str(asked["kind"]), shape, int(asked["number"]), given, public)
    except (ValueError, TypeError, LookupError) as error:
        raise _unexpected(frame) from error


def _unexpected(frame: Frame) -> Disagreement:
    return Disagreement(
        f"the dealer was sent {frame.kind.name} that no party of this version sends: install one version everywhere."
    )

"""What is sent arrives as it was, or is refused; nothing that arrives is executed."""

import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.parties import Disagreement
from causal_lpm.parties.wire import Frame, Kind, Reading, pack

DTYPES = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float32, torch.float64)


def frames() -> st.SearchStrategy[Frame]:
    def make(dtype: torch.dtype, shape: list[int], seed: int, sequence: int, public: int) -> Frame:
        luck = torch.Generator().manual_seed(seed)
        value = torch.randint(0, 2, shape, generator=luck).to(dtype)
        return Frame(Kind.DATA, sequence, public, value.transpose(0, -1) if len(shape) > 1 else value)

    word = st.integers(0, 2**64 - 1)
    return st.builds(make, st.sampled_from(DTYPES), st.lists(st.integers(0, 5), max_size=5), word, word, word)


def arrive(data: bytes, piece: int) -> Frame | None:
    """The message that arrives in pieces of so many bytes."""
    reading, rest = Reading("party 1"), memoryview(data)

    def receive(buffer: memoryview) -> int:
        nonlocal rest
        size = min(len(buffer), piece, len(rest))
        buffer[:size] = rest[:size]
        rest = rest[size:]
        return size

    while True:
        frame = reading.take(receive)
        if frame is not None:
            assert not rest
            assert not reading.amid
            return frame


@given(frames(), st.integers(1, 300))
def test_a_message_arrives_as_it_was_sent(frame: Frame, piece: int) -> None:
    got = arrive(b"".join(pack(frame)), piece)
    assert got is not None
    assert (got.kind, got.sequence, got.public) == (frame.kind, frame.sequence, frame.public)
    assert got.value.dtype == frame.value.dtype
    assert torch.equal(got.value, frame.value)


@given(frames(), st.data())
def test_any_flipped_bit_is_found(frame: Frame, data: st.DataObject) -> None:
    sent = bytearray(b"".join(pack(frame)))
    bit = data.draw(st.integers(0, 8 * len(sent) - 1))
    sent[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Disagreement, match="party 1 did not arrive as it was sent"):
        arrive(bytes(sent), 4096)


@given(frames(), st.data())
def test_a_message_that_is_cut_is_no_message(frame: Frame, data: st.DataObject) -> None:
    sent = b"".join(pack(frame))
    with pytest.raises(EOFError):
        arrive(sent[: data.draw(st.integers(0, len(sent) - 1))], 64)


@given(st.binary(min_size=200, max_size=400))
def test_other_bytes_are_refused(junk: bytes) -> None:
    with pytest.raises(Disagreement):
        arrive(junk, 4096)


def test_a_pickle_is_not_opened() -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, ("1 / 0",)

    with pytest.raises(Disagreement):
        arrive(pickle.dumps(Trap()) + bytes(200), 4096)

"""Masks are uniform, fresh, and fixed by nothing but their keys."""

import io
import os
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.handlers.private.in_process import together
from causal_lpm.handlers.private.masks import KEY, Masks, Stream, agree, fresh_key, numbered

DTYPES = [torch.int64, torch.int32, torch.int16, torch.uint8]


@given(st.integers(2, 5), st.sampled_from(DTYPES), st.lists(st.integers(1, 4), max_size=2))
def test_the_parts_of_zero_add_up_to_it(parties: int, dtype: torch.dtype, shape: list[int]) -> None:
    parts = together(parties, lambda channel: agree(channel).zero(shape, dtype))
    assert torch.equal(sum(parts), torch.zeros(shape, dtype=dtype))


def test_a_part_of_zero_is_fresh_each_time() -> None:
    def run(channel):  # type: ignore[no-untyped-def]
        masks = agree(channel)
        return torch.stack([masks.zero((64,)) for _ in range(3)])

    for drawn in together(3, run):
        assert drawn.unique().numel() == drawn.numel()  # 192 words of 64 bits: two are equal once in 10**15


def test_no_seed_of_torch_fixes_a_mask() -> None:
    def run(channel):  # type: ignore[no-untyped-def]
        torch.manual_seed(0)
        return agree(channel).zero((4,))

    assert not torch.equal(together(2, run)[0], together(2, run)[0])


def test_two_who_have_a_key_make_the_same_words() -> None:
    key = fresh_key()
    assert len(key) == KEY
    assert torch.equal(Stream(key).words((5,)), Stream(key).words((5,)))
    assert torch.equal(numbered(key, 3, 1, (5,)), numbered(key, 3, 1, (5,)))
    words = [numbered(key, number, slot, (5,)) for number in range(3) for slot in range(3)]
    assert torch.cat(words).unique().numel() == 45


def test_words_are_uniform() -> None:
    """Chi-square of 2**16 bytes in 256 bins; it fails by chance once in 10**6."""
    counts = torch.bincount(Stream(fresh_key()).words((2**16,), torch.uint8).long(), minlength=256).double()
    assert float(((counts - 256) ** 2 / 256).sum()) < 375.0


def test_a_forked_process_is_refused() -> None:
    stream, masks = Stream(fresh_key()), Masks(0, {1: fresh_key()}, fresh_key())
    child = os.fork()
    if not child:
        refused = 0
        for use in (lambda: stream.words((1,)), lambda: masks.zero((1,)), lambda: masks.dealt(0, 0, (1,))):
            try:
                use()
            except ValueError:
                refused += 1
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


def test_masks_are_not_written() -> None:
    masks = Masks(0, {1: fresh_key()}, fresh_key())
    for write in (pickle.dumps, lambda x: torch.save(x, io.BytesIO())):
        with pytest.raises(ValueError, match="could be used again"):
            write(masks)
    assert repr(masks) == "Masks(rank=0, parties=2)"


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Masks(0, {1: b"short"}, fresh_key())

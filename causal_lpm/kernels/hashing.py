"""Counter-based noise: a 64-bit hash in wrapping integer arithmetic, the same on every device and in any order.

Nothing here has a state. A noise field is named by one 64-bit key (`stream`), and element `i` of the field is
`bits(key, i)`, so that any part of it can be recomputed at any time, on any shard, in any world.
"""

from __future__ import annotations

import functools
import hashlib
import math

import torch
from torch import Tensor


def signed(value: int) -> int:
    """The int64 with the bits of `value`, an integer from 0 to 2**64 - 1.

    >>> signed(2**64 - 1)
    -1
    """
    return value - (1 << 64) if value >= 1 << 63 else value


GOLDEN = signed(0x9E3779B97F4A7C15)
_FIRST = signed(0xBF58476D1CE4E5B9)
_SECOND = signed(0x94D049BB133111EB)
_ALL = (1 << 64) - 1


def shift_right(x: Tensor, by: int) -> Tensor:
    """Logical shift of int64 bits (`>>` alone is arithmetic); `by` from 1 to 63."""
    return (x >> by) & ((1 << (64 - by)) - 1)


def mix(x: Tensor) -> Tensor:
    """SplitMix64 finaliser, a bijection of 64 bits: int64 of any shape to int64 of that shape.

    Source: Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.

    >>> mix(torch.tensor([0, 1]))
    tensor([                  0, 6238072747940578789])
    """
    x = (x ^ shift_right(x, 30)) * _FIRST
    x = (x ^ shift_right(x, 27)) * _SECOND
    return x ^ shift_right(x, 31)


def _mix(x: int) -> int:
    """`mix` of one integer, from and to 0 ... 2**64 - 1."""
    x &= _ALL
    x = ((x ^ (x >> 30)) * _FIRST) & _ALL
    x = ((x ^ (x >> 27)) * _SECOND) & _ALL
    return x ^ (x >> 31)


@functools.lru_cache(maxsize=1024)
def word(name: str) -> int:
    """The signed 64-bit integer that stands for a site name (BLAKE2b, little endian).

    >>> word("infection") == word("recovery")
    False
    """
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8"), digest_size=8).digest(), "little", signed=True)


@functools.lru_cache(maxsize=1024)
def _named(seed: int, name: str) -> int:
    """`mix` of a seed and the word of a name."""
    return _mix(seed + word(name))


def stream(seed: Tensor, name: str, counter: Tensor | int) -> Tensor:
    """The 64-bit key of one noise field, from int64 seeds, a site name and a step or number.

    Args:
        seed: int64 of any shape, for example `[*draws, 1]`.
        name: of the site.
        counter: number of the step, an integer or int64 that broadcasts against `seed`.

    Returns:
        int64 of the broadcast shape.

    >>> stream(torch.tensor([7]), "infection", 3).shape
    torch.Size([1])
    """
    plain = type(seed) is Tensor and seed.dtype == torch.int64 and seed.is_cpu
    if plain and isinstance(counter, int) and seed.numel() == 1:
        # Done several times a step: for one number Python takes a hundredth of the time of torch's operations.
        return torch.full_like(seed, signed(_mix(_mix(_named(int(seed), name) + counter * GOLDEN))))
    number = torch.as_tensor(counter, dtype=torch.int64, device=seed.device)
    return mix(mix(mix(seed + word(name)) + number * GOLDEN))


def bits(key: Tensor, index: Tensor) -> Tensor:
    """64 random bits for element `index` of the field `key`; int64, shapes broadcast.

    >>> bits(torch.tensor([7]), torch.arange(3)).shape
    torch.Size([3])
    """
    return mix(key + index * GOLDEN)


def ahead(key: Tensor, elements: int) -> Tensor:
    """The key whose element 0 is element `elements` of the field `key`: a part of a field is a field.

    >>> key = torch.tensor([7])
    >>> bool(bits(ahead(key, 5), torch.tensor(0)) == bits(key, torch.tensor(5)))
    True
    """
    return key + signed(elements * GOLDEN & _ALL) if elements else key


def uniform(words: Tensor) -> Tensor:
    """53 of the 64 bits as a float64 in (0, 1], of the shape of `words`.

    >>> uniform(torch.tensor([0])).item() == 2.0**-54
    True
    """
    return (shift_right(words, 11).double() + 0.5) * 2.0**-53


def below(words: Tensor, limit: Tensor | int) -> Tensor:
    """A uniform integer from 0 to `limit - 1` out of the high 32 bits of `words`; int64, `limit` below 2**31.

    >>> below(torch.tensor([-1, 0]), 10)
    tensor([9, 0])
    """
    return (shift_right(words, 32) * limit) >> 32


def side(size: int) -> int:
    """The smallest a with a * a >= size, at least 1.

    >>> side(9), side(10)
    (3, 4)
    """
    return math.isqrt(max(size - 1, 0)) + 1


def rounds(width: int) -> int:
    """Rounds of the Feistel network on `width` x `width` values.

    Measured over 400,000 keys: the pairs of images of neighbours are not equally likely with six rounds on up to 25
    values, nor with ten on up to 9; with sixteen they are. With more values, it takes more keys to see a difference.

    >>> rounds(3), rounds(300)
    (16, 6)
    """
    return 16 if width < 32 else 6


def permutation(key: Tensor, index: Tensor, size: int, inverse: bool = False) -> Tensor:
    """Where a keyed pseudorandom bijection of 0 ... size - 1 sends `index`, without storing it.

    A generalised Feistel network on Z_a x Z_a with a = ceil(sqrt(size)); values that leave the range walk on along
    their cycle until they are back in it.

    Args:
        key: int64, broadcasts against `index`; one key is one bijection.
        index: int64 from 0 to `size - 1`.
        size: number of elements, up to 2**62.
        inverse: send images back to where they came from.

    Returns:
        int64 of the broadcast shape.

    Source: Black and Rogaway (2002), Ciphers with arbitrary finite domains, CT-RSA.

    >>> torch.sort(permutation(torch.tensor([5]), torch.arange(4), 4)).values
    tensor([0, 1, 2, 3])
    """
    width = side(size)
    keys = [bits(key, torch.tensor(r, device=key.device)) for r in range(rounds(width))]
    value = torch.broadcast_tensors(index, key)[0]
    value = _feistel(keys, value, width, inverse)
    while bool((outside := value >= size).any()):
        value = torch.where(outside, _feistel(keys, value, width, inverse), value)
    return value


def _feistel(keys: list[Tensor], value: Tensor, width: int, inverse: bool) -> Tensor:
    left, right = value // width, value % width
    if inverse:
        for key in reversed(keys):
            left, right = (right - below(bits(key, left), width)) % width, left
    else:
        for key in keys:
            left, right = right, (left + below(bits(key, right), width)) % width
    return left * width + right

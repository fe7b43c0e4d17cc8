"""Damage to files, of the kinds that broken disks, cut transfers and ill will do."""

import struct

import numpy as np

_EXTREMES = (0, 1, 2, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 2**31, 2**32 - 1)
_FORMS = ("<B", "<H", ">H", "<L", ">L", "<Q", ">Q")


def mutated(content: bytes, generator: np.random.Generator) -> bytes:
    """Return `content` with one to four damages, most of them near its beginning."""
    changed = bytearray(content)
    for _ in range(generator.integers(1, 5)):
        damage = _DAMAGES[generator.integers(len(_DAMAGES))]
        damage(changed, _place(changed, generator), generator)
    return bytes(changed)


def _place(changed: bytearray, generator: np.random.Generator) -> int:
    """Return a place; half of them in the first 600 bytes, where headers are."""
    end = len(changed) if generator.random() < 0.5 else min(len(changed), 600)
    return int(generator.integers(max(end, 1)))


def _flip(changed: bytearray, place: int, generator: np.random.Generator) -> None:
    if changed:
        changed[place] ^= 1 << int(generator.integers(8))


def _set(changed: bytearray, place: int, generator: np.random.Generator) -> None:
    if changed:
        changed[place] = int(generator.integers(256))


def _number(changed: bytearray, place: int, generator: np.random.Generator) -> None:
    """Write an extreme number, as a length or a size could be."""
    form = _FORMS[generator.integers(len(_FORMS))]
    value = _EXTREMES[generator.integers(len(_EXTREMES))] % 2 ** (8 * struct.calcsize(form))
    changed[place : place + struct.calcsize(form)] = struct.pack(form, value)


def _cut(changed: bytearray, place: int, generator: np.random.Generator) -> None:
    del changed[place:]


def _insert(changed: bytearray, place: int, generator: np.random.Generator) -> None:
    changed[place:place] = generator.bytes(int(generator.integers(1, 40)))


def _delete(changed: bytearray, place: int, generator: np.random.Generator) -> None:
    del changed[place : place + int(generator.integers(1, 40))]


def _double(changed: bytearray, place: int, generator: np.random.Generator) -> None:
    """Repeat a block somewhere else: elements, chunks and tags then come twice."""
    block = changed[place : place + int(generator.integers(4, 200))]
    other = _place(changed, generator)
    changed[other:other] = block * int(generator.integers(1, 4))


def _blank(changed: bytearray, place: int, generator: np.random.Generator) -> None:
    size = len(changed[place : place + int(generator.integers(1, 100))])
    changed[place : place + size] = bytes([generator.choice([0, 0xFF])]) * size


_DAMAGES = (_flip, _flip, _set, _set, _number, _number, _cut, _insert, _delete, _double, _blank)

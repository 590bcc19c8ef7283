"""Proofs from a Merkle tree over the log (RFC 6962, section 2.1): this entry is in it, and this tree grew out of that one.

`Leaves` makes proofs and holds every leaf; `included` and `grown` check one with nothing but the proof, as a stranger does
(RFC 9162, sections 2.1.3.2 and 2.1.4.2). Leaves are entries' hashes as 32 bytes, as in `core.chain.Tree`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

EMPTY: Final = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""

Path = tuple[bytes, ...]


def leaf_hash(leaf: bytes) -> bytes:
    """``sha256(0x00 || leaf)``."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Leaves:
    """A tree that can prove: every complete subtree's root is kept, some 100 bytes a leaf."""

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]  # [height][number] -> root of that complete subtree

    def __repr__(self) -> str:
        return f"<Leaves {self.size}>"

    @property
    def size(self) -> int:
        return len(self._levels[0])

    def add(self, leaf: bytes) -> None:
        """Append a leaf."""
        self._levels[0].append(leaf_hash(leaf))
        height = 0
        while len(self._levels[height]) % 2 == 0:
            left, right = self._levels[height][-2:]
            height += 1
            if height == len(self._levels):
                self._levels.append([])
            self._levels[height].append(_node(left, right))

    def root(self, size: int) -> bytes:
        """The root over the first `size` leaves."""
        return self._over(0, size) if size else EMPTY

    def inclusion(self, index: int, size: int) -> Path:
        """PATH(index, D[size]): that leaf number `index` (from 0) is under the root of `size` leaves. Raises `ValueError`."""
        if not 0 <= index < size <= self.size:
            raise ValueError(
                f"there is no leaf {index} in a tree of {size}, of {self.size} leaves that are known"
            )
        return self._path(index, 0, size)

    def consistency(self, old: int, size: int) -> Path:
        """PROOF(old, D[size]): that the tree of `size` leaves begins with the tree of `old`. Raises `ValueError`."""
        if not 0 < old <= size <= self.size:
            raise ValueError(
                f"a tree of {size} leaves does not grow out of one of {old}, of {self.size} that are known"
            )
        return self._grown(old, 0, size, whole=True)

    def _over(self, first: int, end: int) -> bytes:
        """The root over leaves `first` to `end`; `first` is a multiple of the power of two that covers them."""
        count = end - first
        if count & (count - 1) == 0:
            height = count.bit_length() - 1
            return self._levels[height][first >> height]
        middle = first + _half(count)
        return _node(self._over(first, middle), self._over(middle, end))

    def _path(self, index: int, first: int, end: int) -> Path:
        if end - first == 1:
            return ()
        middle = first + _half(end - first)
        if index < middle:
            return (*self._path(index, first, middle), self._over(middle, end))
        return (*self._path(index, middle, end), self._over(first, middle))

    def _grown(self, old: int, first: int, end: int, *, whole: bool) -> Path:
        """SUBPROOF(old, D[first:end], whole), with `old` counted from the log's start."""
        if old == end:
            return () if whole else (self._over(first, end),)
        middle = first + _half(end - first)
        if old <= middle:
            return (*self._grown(old, first, middle, whole=whole), self._over(middle, end))
        return (*self._grown(old, middle, end, whole=False), self._over(first, middle))


def _half(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that `leaf` is number `index` (from 0) under this root of `size` leaves."""
    if not 0 <= index < size:
        return False
    number, last, found = index, size - 1, leaf_hash(leaf)
    for node in path:
        if last == 0:
            return False
        if number & 1 or number == last:
            found = _node(node, found)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            found = _node(found, node)
        number, last = number >> 1, last >> 1
    return last == 0 and found == root


def grown(old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of `size` leaves under `root` begins with the `old` leaves under `old_root`."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not path and old_root == root
    nodes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not nodes:
        return False
    number, last = old - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            before, after = _node(node, before), _node(node, after)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            after = _node(after, node)
        number, last = number >> 1, last >> 1
    return last == 0 and before == old_root and after == root

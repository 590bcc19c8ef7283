"""Merkle proofs, against RFC 6962's own definition and against whoever changes one of them."""

from __future__ import annotations

import hashlib

import pytest

from keyturn.core.chain import Tree
from keyturn.core.merkle import EMPTY, Leaves, grown, included

SIZES = 40


def leaf(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def made(size: int) -> Leaves:
    leaves = Leaves()
    for number in range(size):
        leaves.add(leaf(number))
    return leaves


LEAVES = made(SIZES)


def defined(first: int, end: int) -> bytes:
    """MTH(D[n]) as RFC 6962 section 2.1 writes it, with nothing kept."""
    count = end - first
    if count == 0:
        return hashlib.sha256(b"").digest()
    if count == 1:
        return hashlib.sha256(b"\x00" + leaf(first)).digest()
    half = 1
    while half * 2 < count:
        half *= 2
    return hashlib.sha256(b"\x01" + defined(first, first + half) + defined(first + half, end)).digest()


def test_the_root_is_the_rfc_s_and_the_checkpoints() -> None:
    """At every size: as the definition says, and as the tree that is signed has it."""
    tree = Tree()
    assert LEAVES.root(0) == EMPTY == tree.root()
    for size in range(1, SIZES + 1):
        tree.add(leaf(size - 1))
        assert LEAVES.root(size) == defined(0, size) == tree.root()


def test_every_leaf_is_proved_in_every_tree_and_in_no_other_place() -> None:
    """The proof holds for its leaf, number, size and root, and for none of these changed."""
    for size in range(1, SIZES + 1):
        root = LEAVES.root(size)
        for index in range(size):
            path = LEAVES.inclusion(index, size)
            assert included(leaf(index), index, size, path, root)
            assert not included(leaf(index + 1), index, size, path, root)
            assert not included(leaf(index), (index + 1) % (size + 1), size, path, root)
            assert not included(leaf(index), index, size, path, leaf(0))
            assert not included(leaf(index), index, size, (*path, root), root)
            if path:
                assert not included(leaf(index), index, size, path[:-1], root)
                assert not included(leaf(index), index, size, (path[0][::-1], *path[1:]), root)


def test_a_tree_is_proved_to_have_grown_out_of_an_older_one() -> None:
    """For every two sizes; and not out of one with another root, nor by a proof with something changed or left out."""
    for size in range(1, SIZES + 1):
        root = LEAVES.root(size)
        for old in range(1, size + 1):
            path, before = LEAVES.consistency(old, size), LEAVES.root(old)
            assert grown(old, before, size, root, path)
            assert not grown(old, leaf(1), size, root, path)
            assert not grown(old, before, size, leaf(1), path)
            assert not grown(old, before, size, root, (*path, root))
            if path:
                assert not grown(old, before, size, root, path[1:])
                assert not grown(old, before, size, root, (*path[:-1], path[-1][::-1]))


def test_the_example_of_the_rfc() -> None:
    """RFC 6962 section 2.1.3: seven leaves, the paths it draws."""
    seven = made(7)
    a, b, c, d, e, f, j = (hashlib.sha256(b"\x00" + leaf(number)).digest() for number in range(7))

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + left + right).digest()

    g, h, i = node(a, b), node(c, d), node(e, f)
    k, m = node(g, h), node(i, j)
    assert seven.inclusion(0, 7) == (b, h, m)
    assert seven.inclusion(3, 7) == (c, g, m)
    assert seven.inclusion(4, 7) == (f, j, k)
    assert seven.inclusion(6, 7) == (i, k)
    assert seven.consistency(3, 7) == (c, d, g, m)
    assert seven.consistency(4, 7) == (m,)
    assert seven.consistency(6, 7) == (i, j, k)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3), (0, SIZES + 1)])
def test_what_is_not_there_is_not_proved(index: int, size: int) -> None:
    """Neither a leaf outside, nor one under leaves that are not known."""
    with pytest.raises(ValueError, match="no leaf"):
        LEAVES.inclusion(index, size)
    assert not included(leaf(0), index, size, (), leaf(0))


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3), (3, SIZES + 1)])
def test_no_tree_grows_out_of_nothing_or_backwards(old: int, size: int) -> None:
    """The empty tree is the beginning of anything, so that a proof of it would say nothing."""
    with pytest.raises(ValueError, match="does not grow"):
        LEAVES.consistency(old, size)
    assert not grown(old, EMPTY, size, leaf(0), (leaf(1),))

"""Who must approve: trees read from words, filled by different people, and what reviewers are told is missing."""

from __future__ import annotations

import pytest

from keyturn.core import quorum
from keyturn.core.quorum import QuorumTextError, alternatives, fill, least, parse
from keyturn.model.quorum import Either, Every, Of

READ: list[tuple[str, object, int]] = [
    ("2", Of(2), 2),
    ("2 of reviewers", Of(2), 2),
    ("2 of platform-oncall", Of(2, ("platform-oncall",)), 2),
    ("1 of security and 1 of platform", Every((Of(1, ("security",)), Of(1, ("platform",)))), 2),
    ("1 of a or 1 of b and 1 of c", Either((Of(1, ("a",)), Every((Of(1, ("b",)), Of(1, ("c",)))))), 1),
    ("(1 of a or 2 of b) and 1 of c", Every((Either((Of(1, ("a",)), Of(2, ("b",)))), Of(1, ("c",)))), 2),
    ("1 of reviewers in production outside owners", Of(1, (), "production", ("owners",)), 1),
]


@pytest.mark.parametrize(("text", "tree", "people"), READ, ids=[row[0] for row in READ])
def test_words_are_read_as_a_tree(text: str, tree: object, people: int) -> None:
    """`and` binds closer than `or`; what is written out again is read as the same."""
    found = parse(text)
    assert found == tree
    assert parse(str(found)) == tree
    assert least(found) == people


WRONG = {
    "": "character 1 stands the end, where a number",
    "of security": "character 1 stands 'of', where a number",
    "0 of a": "a number of people from 1 to 9",
    "12": "a number of people from 1 to 9",
    "2 of": "where a team, reviewers or owners was expected",
    "1 of and": "where a team, reviewers or owners was expected",
    "1 of a &": "character 8, '&' is neither",
    "(1 of a": "where ) was expected",
    "1 of a) ": "where and, or, or the end was expected",
    "1 of a in b in c": "one environment",
    "5 of a and 5 of b": "10 people; 9 is the most",
    " and ".join(["(1 of a or 1 of b)"] * 6): "more than 32 ways",
    "(" * 9 + "1" + ")" * 9: "more than 8 deep",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items())
def test_what_cannot_be_read_says_where_and_what_was_expected(text: str, said: str) -> None:
    """A quorum that is read wrongly would be the wrong people."""
    with pytest.raises(QuorumTextError) as caught:
        parse(text)
    assert said in str(caught.value)


FILLED: list[tuple[str, str, dict[str, tuple[str, ...]], bool, str]] = [
    ("nobody yet", "2 of a", {}, False, "2 more of a"),
    ("one of two", "2 of a", {"ann": ("a",)}, False, "1 of a (ann), 1 more of a"),
    (
        "who is in both takes one place",
        "1 of a and 1 of b",
        {"ann": ("a", "b")},
        False,
        "1 of a (ann), 1 more of b",
    ),
    (
        "and gives it up for another",
        "1 of a and 1 of b",
        {"ann": ("a", "b"), "ben": ("a",)},
        True,
        "1 of a (ben), 1 of b (ann)",
    ),
    ("the same group twice", "1 of a and 1 of a", {"ann": ("a",)}, False, "1 of a (ann), 1 more of a"),
    ("the way that lacks fewest", "3 of a or 2 of b", {"ben": ("b",)}, False, "1 of b (ben), 1 more of b"),
    ("another group", "1 of a", {"ben": ("b",)}, False, "1 more of a"),
    (
        "a chain of exchanges",
        "1 of a and 1 of b and 1 of c",
        {"ann": ("a", "b"), "ben": ("b", "c"), "cleo": ("a",)},
        True,
        "1 of a (cleo), 1 of b (ann), 1 of c (ben)",
    ),
]


@pytest.mark.parametrize(
    ("what", "text", "people", "reached", "said"), FILLED, ids=[row[0] for row in FILLED]
)
def test_different_people_take_the_places(
    what: str, text: str, people: dict[str, tuple[str, ...]], reached: bool, said: str
) -> None:
    """Nobody counts twice in one tree, and what is said names who counts and who is missing."""
    found = fill(parse(text), people)
    assert (found.reached, found.text) == (reached, said)


def test_an_empty_quorum_is_met_by_nothing() -> None:
    """An `every` of nothing would be true of everything."""
    assert not fill(Every(()), {"ann": ("a",)}).reached
    assert not fill(Either(()), {"ann": ("a",)}).reached


def test_the_matching_is_as_good_as_trying_everything() -> None:
    """Against all ways of seating people, for every small case there is."""
    from itertools import permutations, product

    groups = ((), ("a",), ("b",), ("a", "b"))
    tree = parse("2 of a and 1 of b")
    (way,) = alternatives(tree)
    places = [leaf.group for leaf in way for _ in range(leaf.count)]
    for chosen in product(groups, repeat=4):
        people = dict(zip("wxyz", chosen, strict=True))
        best = max(
            sum(place in people[person] for place, person in zip(places, order, strict=True))
            for order in permutations(people, len(places))
        )
        assert fill(tree, people).missing == len(places) - best, people


def test_owners_are_named_when_it_is_frozen() -> None:
    """Where nobody knows whose team it is, the word stays, and nobody is of it."""
    tree = parse("1 of owners and 1 of reviewers outside owners")
    assert str(quorum.resolved(tree, ("data", "web"))) == "1 of data/web and 1 of reviewers outside data/web"
    assert quorum.resolved(tree, ()) == tree

"""The picture of a blast radius: what it shows, that it stays small, and that a hostile name is text in it and no more."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from keyturn.console import graph
from keyturn.console.radius import coverage, sentence, told
from keyturn.model.change import ResourceRef
from keyturn.model.radius import Capacity, Coverage, Fate, Link, Looked, Node, Radius, Share

SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314  # our own


def ref(kind: str, name: str) -> ResourceRef:
    return ResourceRef("aws", "aws", "123456789012", "eu-west-1", kind, name)


QUEUE, WORKER, RULE = (
    ref("sqs:queue", "jobs"),
    ref("lambda:function", "worker"),
    ref("events:rule", "nightly"),
)
SMALL = Radius(
    nodes=(
        Node(QUEUE, Fate.GOES, 0, environment="production", reached=True),
        Node(WORKER, Fate.RELIES, 1, environment="production", owner="shop", used=True),
        Node(RULE, Fate.RELIES, 2),
    ),
    links=(Link(WORKER, "reads", QUEUE), Link(RULE, "calls", WORKER)),
    looked=(
        Looked("lambda:function", Coverage.MAPPED, 3),
        Looked("ecs:service", Coverage.NOT_ENOUGH, 0, "ecs:ListServices: throttled"),
        Looked("12 further types", Coverage.UNSUPPORTED, 12, "AWS::A::B"),
    ),
    shares=(Share("all queues", "sqs:queue", 1, 4),),
    capacities=(Capacity(WORKER, "healthy targets", 4, 1), Capacity(RULE, "running tasks", None, None)),
)


def crowd(count: int) -> Radius:
    """A key that so many functions, and three instances, rely on."""
    key = ref("kms:key", "k")
    relying = [ref("lambda:function", f"f{number}") for number in range(count)]
    relying += [ref("ec2:instance", f"i-{number}") for number in range(3)]
    nodes = (Node(key, Fate.GOES, 0), *(Node(one, Fate.RELIES, 1) for one in relying))
    return Radius(nodes=nodes, links=tuple(Link(one, "encrypts with", key) for one in relying))


@pytest.mark.parametrize("narrow", [False, True])
def test_what_goes_is_marked_by_colour_and_by_a_sign(narrow: bool) -> None:
    """Red alone is not seen by everybody."""
    root = parsed(graph.svg(SMALL, narrow=narrow))
    groups = {group.get("class"): "".join(group.itertext()) for group in root.iter(f"{SVG}g")}
    assert "\u2212" in groups["goes"]
    assert "queue jobs" in groups["goes"]
    assert "\u2212" not in groups["relies"]
    assert len(list(root.iter(f"{SVG}g"))) == 3
    assert sum(1 for path in root.iter(f"{SVG}path") if path.get("class") != "head") == 2


def test_a_narrow_picture_fits_a_telephone() -> None:
    """However many stand in it: it grows downwards."""
    assert int(parsed(graph.svg(crowd(90), narrow=True)).get("width", "0")) <= 390


@pytest.mark.parametrize(
    ("count", "boxes", "collapsed"), [(100, 104, 0), (116, 120, 0), (117, 5, 117), (400, 5, 400)]
)
def test_crowds_are_counted_past_a_number(count: int, boxes: int, collapsed: int) -> None:
    """Up to `SHOWN_MAX` each is drawn; beyond it the largest crowd is one box, and a few of another kind stay as they are."""
    drawn = graph.boxes(crowd(count))
    assert (len(drawn.boxes), drawn.collapsed) == (boxes, collapsed)


@pytest.mark.parametrize("narrow", [False, True])
def test_a_name_is_text_and_no_more(narrow: bool) -> None:
    """Whoever names a queue draws nothing, runs nothing and hides nothing."""
    hostile = ref("sqs:queue", "<script>x</script>\u202egnp&\"'")
    picture = graph.svg(Radius(nodes=(Node(hostile, Fate.GOES, 0),)), narrow=narrow)
    root = parsed(picture)
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
        "svg",
        "title",
        "style",
        "g",
        "rect",
        "text",
        "path",
    }
    assert "\u202e" not in picture
    assert "<script" not in picture


def test_nothing_is_drawn_of_nothing() -> None:
    """A case that takes nothing away has a picture all the same: an empty one."""
    assert parsed(graph.svg(Radius())).tag == f"{SVG}svg"


def test_the_sentence_counts_and_never_says_nobody() -> None:
    """What was not found may be there."""
    assert sentence(SMALL) == (
        "2 rely on it, 1 of them directly; by environment: 1 not said, 1 production; by owner: 1 not said, 1 shop."
        " Of 1 it is known that they are used."
    )
    alone = Radius(nodes=(Node(QUEUE, Fate.GOES, 0),))
    assert sentence(alone) == "Nobody was found who relies on it."
    poor = Radius(nodes=alone.nodes, looked=SMALL.looked)
    assert sentence(poor) == "Nobody was found, and not everything could be read."
    assert sentence(Radius(cut=("no time",))) == "Nobody could look who relies on it: no time"


def test_what_is_said_beside_it() -> None:
    """Floors and shares in words, the thin ones marked; gaps with their reasons; none of it where nothing goes."""
    found = told(SMALL)
    assert found is not None
    assert found["floors"] == [
        {"text": "lambda:function/worker: 4 healthy targets now, 1 then (25 %)", "short": True},
        {"text": "events:rule/nightly: running tasks: nobody knows what would be left", "short": True},
        {"text": "It takes 1 of 4 of all queues (25 %)", "short": False},
    ]
    assert found["gaps"] == [
        "ecs:service: not enough information: ecs:ListServices: throttled",
        "12 further types: unsupported: AWS::A::B",
    ]
    assert coverage(SMALL) == "1 kinds mapped, 1 not enough information, 12 unsupported"
    assert told(None) is None

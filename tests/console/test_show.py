"""What people are shown of a case: nothing hidden in it, the worst first, differences as single values, times as said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.console import show
from keyturn.console.answers import Tone, answers, hindrance
from keyturn.console.precedents import resembling
from keyturn.console.story import NAMES, line, said
from keyturn.console.templating import span
from keyturn.console.text import foreign_letters, marked, seen, skeleton, visible
from keyturn.core.case import Case, Glass, Phase
from keyturn.core.chain import GENESIS, make_entry
from keyturn.core.difference import leaves, short
from keyturn.core.shown import in_a_message, not_shown
from keyturn.model import record as r
from keyturn.model.assessment import (
    Alternative,
    Assessment,
    Dependent,
    Finding,
    Heard,
    Kind,
    Recoverable,
    Reversibility,
)
from keyturn.model.change import Effect, ResourceRef
from keyturn.model.decision import Decision, Obligations, Verdict
from keyturn.model.execution import Backup
from keyturn.model.record import Draft
from keyturn.model.review import Review, ReviewRequest
from tests.console.running_plane import Plane
from tests.core import core_world as w

TABLE = ResourceRef("aws", "aws", "123456789012", "eu-central-1", "dynamodb:table", "costs")
FUNCTION = ResourceRef("aws", "aws", "123456789012", "eu-central-1", "lambda:function", "report")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain-name_1/ä.csv", "plain-name_1/ä.csv"),
        ("a\u202egnp.exe", "a⟨U+202E⟩gnp.exe"),  # right-to-left override
        ("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩"),  # isolates
        ("zero\u200bwidth\u200d\ufeff", "zero⟨U+200B⟩width⟨U+200D⟩⟨U+FEFF⟩"),
        ("bell\u0007 esc\u001b[2J", "bell⟨U+0007⟩ esc⟨U+001B⟩[2J"),
        ("nul\u0000del\u007f", "nul⟨U+0000⟩del⟨U+007F⟩"),
        ("tab\there", "tab⟨U+0009⟩here"),
        ("two\nlines\r\n", "two⏎\nlines⟨U+000D⟩⏎\n"),
        ("no\u00a0break\u3000", "no⟨U+00A0⟩break⟨U+3000⟩"),
        ("soft\u00adhyphen", "soft⟨U+00AD⟩hyphen"),
        ("hangul\u3164filler\u2800braille", "hangul⟨U+3164⟩filler⟨U+2800⟩braille"),
        ("variant\ufe0f", "variant⟨U+FE0F⟩"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("private\ue000 surrogate\ud800", "private⟨U+E000⟩ surrogate⟨U+D800⟩"),
        ("e\u0301 struck\u0336 out\u20dd", "e⟨U+0301⟩ struck⟨U+0336⟩ out⟨U+20DD⟩"),  # marks over ASCII
        ("line\u2028par\u2029", "line⟨U+2028⟩par⟨U+2029⟩"),
    ],
)
def test_nothing_hides(text: str, shown: str) -> None:
    """Every character that a reader would not see stands as its code point; the others stay as they are."""
    assert visible(text) == shown
    assert seen({text: [text, {"x": text}]}) == {shown: [shown, {"x": shown}]}


@given(st.text())
def test_nothing_hides_in_any_text(text: str) -> None:
    """Whatever an agent sends: all that is left is printable, or an end of line that is drawn; nothing visible is lost."""
    shown = visible(text)
    assert all(char.isprintable() for char in shown.replace("⏎\n", ""))
    assert [char for char in text if char.isalnum() and char.isascii()] == [
        char for char in re.sub(r"⟨U\+[0-9A-F]{4,6}⟩", "", shown) if char.isalnum() and char.isascii()
    ]


def test_what_is_seen_can_be_stored_and_sent() -> None:
    """A lone surrogate, which UTF-8 cannot carry, does not break a page or an answer."""
    assert msgspec.json.decode(msgspec.json.encode(seen({"key": "\ud800"}))) == {"key": "⟨U+D800⟩"}


def test_letters_that_imitate_are_named() -> None:
    """A Cyrillic letter in a bucket's name is said to be one; plain names have nothing to say."""
    assert foreign_letters("s3:bucket p\u0430yments") == (
        "p\u0430yments mixes CYRILLIC and LATIN",
        "\u0430 is CYRILLIC SMALL LETTER A (U+0430), drawn like a",
    )
    assert foreign_letters("build\u2010logs") == ("\u2010 is HYPHEN (U+2010), drawn like -",)
    assert foreign_letters("stra\u00dfe") == ("\u00df is LATIN SMALL LETTER SHARP S (U+00DF)",)
    assert foreign_letters("s3:bucket payments-1_x") == ()


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("p\u0430yments", "payments"),  # Cyrillic
        ("\uff50ayments", "payments"),  # fullwidth
        ("\U0001d429ayments", "payments"),  # mathematical
        ("payrnents", "payments"),
        ("prod-logs-1", "prod-logs-l"),
        ("Orders", "orders"),
        ("r\u00e9ports", "reports"),
        ("a\u2212b", "a-b"),
    ],
)
def test_a_name_that_looks_like_another_is_said_to(name: str, known: str) -> None:
    """Whatever makes two names look the same to a tired reader, the page of one names the other; its own name does not."""
    mine = {"resources": [name], "skeletons": {skeleton(name): name}}
    others = [{"skeletons": {skeleton(other): other}} for other in (known, name, "something-else")]
    assert resembling(mine, others) == [f"{name} looks like {known}, which is another"]


def test_what_is_odd_is_set_apart_as_html() -> None:
    """Code points that were made visible, and letters that may imitate, stand marked with their names; all else is escaped."""
    assert str(marked("<b>\u0430\u27e8U+202E\u27e9")) == (
        "&lt;b&gt;"
        '<mark class="odd" title="\u0430 is CYRILLIC SMALL LETTER A (U+0430), drawn like a">\u0430</mark>'
        '<mark class="odd" title="a character that is not seen">\u27e8U+202E\u27e9</mark>'
    )


# --- the five answers ------------------------------------------------------------------------------------------------


def finding(kind: Kind, message: str, reversibility: Reversibility = Reversibility.R3) -> Finding:
    return Finding("T001", kind, message, Effect.DELETE, reversibility)


def assessed(effect: Effect = Effect.UPDATE, **more: Any) -> Assessment:
    given: dict[str, Any] = {"reversibility": Reversibility.R1} | more
    return Assessment(effect=effect, effects=(effect,), environment="production", state_digest="s", **given)


def answered(assessment: Assessment) -> dict[str, tuple[str, str, Tone]]:
    found = answers(Case("C-1", phase=Phase.HELD, assessment=assessment))
    return {one.question: (one.short, one.text, one.tone) for one in found}


def test_what_is_lost_is_said_first() -> None:
    """However the findings were ordered: the loss leads, with its count, in the colour of loss; a note does not hide it."""
    found = answered(
        assessed(
            Effect.DELETE,
            data_at_risk="10,000 items",
            findings=(
                finding(Kind.NOTE, "It has a tag."),
                finding(Kind.BLIND, "Its alarm goes."),
                finding(Kind.DATA_LOSS, "10,000 items go."),
            ),
        )
    )
    assert found["What happens"] == ("10,000 items", "10,000 items go.", Tone.BAD)


def test_a_delete_without_a_finding_is_still_a_loss() -> None:
    """Where no rule speaks, the effect does: never "nothing is lost" over a delete."""
    found = answered(
        assessed(
            Effect.DELETE,
            reversibility=Reversibility.R4,
            recoverable=(Recoverable(TABLE, backup=True, inverse=False, recover_s=60),),
        )
    )
    assert found["What happens"] == ("It is destroyed", "dynamodb:table/costs would be gone.", Tone.BAD)


def test_what_does_not_stand_is_not_gone() -> None:
    """A delete of what was looked for and is not there takes nothing; where something could not be read, nobody says so."""
    there = {
        "recoverable": (Recoverable(TABLE, backup=True, inverse=False, recover_s=None),),
        "reversibility": Reversibility.R1,
    }
    found = answered(assessed(Effect.DELETE, **there))
    assert found["What happens"] == (
        "Nothing stands there",
        "dynamodb:table/costs does not stand: there is nothing to delete.",
        Tone.GOOD,
    )
    assert found["Can it come back"][0] == "Nothing goes"
    doubtful = answered(assessed(Effect.DELETE, unknowns=("throttled",), **there))
    assert (doubtful["What happens"][0], doubtful["Can it come back"][0]) == (
        "It is destroyed",
        "From a backup, time not known",
    )


def test_what_stands_is_gone_and_what_does_not_is_not(plane: Plane) -> None:
    """Asked of the account."""
    with plane.agent("tidy") as aws:
        never = plane.held("never", lambda: aws("dynamodb").delete_table(TableName="never-made"))
    gone = plane.held_table(agent="tidy")
    assert [plane.case(one)["answers"][0]["short"] for one in (never, gone)] == [
        "Nothing stands there",
        "3 items, 9 B",
    ]


def test_a_delete_says_what_else_is_found() -> None:
    """A deleted alarm is gone, and with it somebody's eyes: both stand in the first sentence."""
    parts = (Recoverable(TABLE, backup=True, inverse=False, recover_s=60),)
    found = answered(
        assessed(Effect.DELETE, recoverable=parts, findings=(finding(Kind.BLIND, "Alarms go."),))
    )
    assert found["What happens"][1] == "dynamodb:table/costs would be gone. Alarms go."


def test_not_known_is_never_nothing() -> None:
    """An assessment with unknowns says so in each answer that rests on what was not seen."""
    found = answered(assessed(unknowns=("dynamodb:table/costs: throttled",)))
    assert [found[key][0] for key in ("What happens", "What breaks", "Can it come back")] == [
        "Not known",
        "Not known",
        "Yes",
    ]
    found = answered(assessed(reversibility=Reversibility.R3, unknowns=("x",)))
    assert found["Can it come back"][::2] == ("Not known", Tone.BAD)


def test_what_depends_on_it_is_named() -> None:
    """Three names, and how many more."""
    edges = tuple(
        Dependent(ResourceRef("aws", "aws", "1", "r", "lambda:function", f"f{n}"), "reads", TABLE)
        for n in range(5)
    )
    short_, text, tone = answered(assessed(blast_radius=edges))["What breaks"]
    assert short_ == "5 things depend on it"
    assert text.endswith("lambda:function/f2 reads costs; and 2 more, listed below.")
    assert tone is Tone.BAD


@pytest.mark.parametrize(
    ("parts", "short_", "tone"),
    [
        ([(False, True)], "Yes, about 2 min", Tone.GOOD),
        ([(True, False)], "From a backup, about 2 min", Tone.WARN),
        ([(True, False), (False, True)], "From a backup, about 2 min", Tone.WARN),
        ([(True, True), (False, False)], "Not by Keyturn", Tone.BAD),
    ],
)
def test_the_worst_part_decides_whether_it_comes_back(
    parts: list[tuple[bool, bool]], short_: str, tone: Tone
) -> None:
    """Of several resources the one that cannot be given back is what a reviewer has to know."""
    recoverable = tuple(Recoverable(TABLE, backup, inverse, 120) for backup, inverse in parts)
    found = answered(assessed(recover_s=120, recoverable=recoverable))["Can it come back"]
    assert found[::2] == (short_, tone)


def test_a_backup_that_nobody_takes_is_promised_to_nobody() -> None:
    """Where policy asks for none, what would come back from one alone does not come back."""
    assessment = assessed(
        effect=Effect.DELETE,
        reversibility=Reversibility.R3,
        recoverable=(Recoverable(TABLE, True, False, 120),),
    )
    decision = Decision(Verdict.HOLD, (), Obligations(quorum=1), "p")
    case = Case("C-1", phase=Phase.HELD, assessment=assessment, decision=decision)
    (told,) = (one for one in answers(case) if one.question == "Can it come back")
    assert (told.short, told.tone) == ("Not without a backup", Tone.BAD)
    assert told.text.startswith("Policy asks for no backup of it: none is taken")
    made = msgspec.structs.replace(
        assessment, effect=Effect.CREATE, effects=(Effect.CREATE,), reversibility=Reversibility.R1
    )
    (plain,) = (
        one
        for one in answers(msgspec.structs.replace(case, assessment=made))
        if one.question == "Can it come back"
    )
    assert (plain.short, plain.tone) == ("Yes", Tone.GOOD), "what is made takes nothing away"


def test_the_narrow_way_says_what_is_lost_on_it() -> None:
    """An exact way is offered as one, a shape only as perhaps."""
    exact = Alternative((), ("aws lambda ...",), "why", "a version", exact=True)
    assert answered(assessed(alternatives=(exact,)))["The narrow way"][1].endswith("Lost on it: a version.")
    shape = Alternative((), ("lambda:UpdateFunctionConfiguration",), "why", "nothing", exact=False)
    assert answered(assessed(alternatives=(shape,)))["The narrow way"][0] == "Perhaps"
    assert answered(assessed())["The narrow way"][0] == "None known"


def test_who_decides_counts_people() -> None:
    """Approvals of distinct people beside the quorum, and who is out."""
    request = ReviewRequest("C-1", 1, "c", "s", "a", "p", ("bob",), ("bob",), 2, 10, "n")
    reviews = (Review("dana", approve=True, binding="b", at_ms=1),)
    case = Case("C-1", phase=Phase.HELD, assessment=assessed(), request=request, reviews=reviews)
    last = answers(case)[-1]
    assert last.short == "1 of 2 have approved"
    assert "2 different reviewers, not bob" in last.text


@pytest.mark.parametrize(
    ("seen", "tone", "said"),
    [
        ({}, Tone.BAD, "it is gus's own act, and another person looks at it afterwards"),
        ({"reviewed_by": "erin", "right": True}, Tone.PLAIN, "erin looked at it afterwards: it was right"),
        ({"reviewed_by": "erin"}, Tone.BAD, "erin looked at it afterwards: it was not right"),
    ],
)
def test_a_broken_glass_is_no_approval(seen: dict[str, Any], tone: Tone, said: str) -> None:
    """Whose act it was, and what another person said of it: nobody reads a quorum that was never asked."""
    request = ReviewRequest("C-1", 1, "c", "s", "a", "p", ("bob",), ("bob",), 2, 10, "n")
    glass = Glass("gus", "the site is down", 1, 900_001, ("dana", "erin"), **seen)
    case = Case("C-1", phase=Phase.CONFIRMED, assessment=assessed(), request=request, glass=glass)
    last = answers(case)[-1]
    assert (last.short, last.tone, said in last.text) == ("gus broke the glass", tone, True)


def test_a_denial_names_who() -> None:
    """Beside one approval of two, one denial is what counts."""
    request = ReviewRequest("C-1", 1, "c", "s", "a", "p", ("bob",), ("bob",), 2, 10, "n")
    reviews = (
        Review("dana", approve=True, binding="b", at_ms=1),
        Review("erin", approve=False, binding="b", at_ms=2),
    )
    case = Case("C-1", phase=Phase.REJECTED, assessment=assessed(), request=request, reviews=reviews)
    assert answers(case)[-1].short == "Denied by erin"


def test_a_backup_that_nobody_can_take_is_said_before_the_yes() -> None:
    """Policy obliges a backup and there is no recipe: the reviewer reads that her yes would lead nowhere."""
    decision = Decision(Verdict.HOLD, (), Obligations(quorum=2, backup=True), "p")
    bare = assessed(recoverable=(Recoverable(FUNCTION, backup=False, inverse=False, recover_s=None),))
    case = Case("C-1", phase=Phase.HELD, assessment=bare, decision=decision)
    assert "lambda:function/report" in hindrance(case)
    saved = assessed(recoverable=(Recoverable(FUNCTION, backup=True, inverse=False, recover_s=None),))
    assert hindrance(msgspec.structs.replace(case, assessment=saved)) == ""
    free = msgspec.structs.replace(decision, obligations=Obligations(quorum=2))
    assert hindrance(msgspec.structs.replace(case, decision=free)) == ""


def test_nothing_is_answered_before_it_is_assessed() -> None:
    """A case that is still looked at claims nothing."""
    assert answers(Case("C-1", phase=Phase.RECEIVED)) == ()


# --- the story -------------------------------------------------------------------------------------------------------

CORPUS = Path(__file__).parents[1] / "record" / "corpus" / "events.jsonl"
SPEECHLESS = {"attached", "detached", "verify_begun", "sent", "backed_up"}
"""Their name says it all, or may."""


def test_every_event_that_was_ever_written_can_be_told() -> None:
    """The corpus holds every event: each has its words, and none breaks a page."""
    told = set()
    for raw in CORPUS.read_bytes().splitlines():
        event = msgspec.json.decode(raw, type=r.Event)
        tag = str(type(event).__struct_config__.tag)
        assert said(event) or tag in SPEECHLESS, tag
        told.add(tag)
    assert set(NAMES) <= told
    assert told == {str(kind.__struct_config__.tag) for kind in get_args(r.Event)}


def test_a_story_hides_nothing_either() -> None:
    """A reviewer's note with an override character in it is drawn."""
    review = Review("dana", approve=False, binding="b", at_ms=1, note="no\u202e")
    entry = make_entry(Draft("C-1", r.Reviewed(at_ms=7, review=review)), seq=3, writer="w", prev=GENESIS)
    assert line(entry) == {
        "seq": 3,
        "at_ms": 7,
        "event": "reviewed",
        "name": "reviewed",
        "said": "dana denies: no⟨U+202E⟩",
        "case": "C-1",
    }


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (r.Withdrawn(at_ms=1, by="bob", reason="wrong table"), "by bob: wrong table"),
        (
            r.Settled(at_ms=1, by="dana", succeeded=False, note="it stands"),
            "dana looked: it did not take effect: it stands",
        ),
        (r.Expired(at_ms=1, what="approval"), "it was not executed in time"),
        (r.Sent(at_ms=1, nonce="n", operation=1), "operation 2"),
        (r.BackedUp(at_ms=1, backups=(Backup(TABLE, "s", {}, "arn", "m", 1),)), "costs: not proved"),
        (r.Restored(at_ms=1, succeeded=False, differences=("ttl",)), "not given back; ttl"),
    ],
)
def test_the_words_of_an_event(event: r.Event, words: str) -> None:
    """Who, what and why, as far as the event knows."""
    assert said(event) == words


# --- small things ----------------------------------------------------------------------------------------------------


def test_a_map_of_settings_is_shown_by_what_changed() -> None:
    """One of three settings changed, one came, one went: three rows, the one that stayed is none."""
    before = {"A": {"$sealed": "hmac:1"}, "B": 1, "C": 1, "D": {"x": [1]}}
    after = {"A": {"$sealed": "hmac:2"}, "B": 1, "D": {"x": [2]}, "E": 0}
    rows = leaves({"path": "environment", "before": before, "after": after})
    assert [(row["symbol"], row["path"]) for row in rows] == [
        ("~", "environment.A"),
        ("-", "environment.C"),
        ("~", "environment.D.x"),
        ("+", "environment.E"),
    ]


def test_a_sealed_value_cannot_be_imitated() -> None:
    """A value that says it is sealed is not shown as one; equal sealed values look equal."""
    assert short({"$sealed": "hmac:0123456789ab"}) == "sealed …6789ab"
    assert (
        short({"$sealed": "hmac:0123456789ab", "$to": "https://a.example"})
        == "sealed …6789ab, to https://a.example"
    )
    assert short({"$sealed": "x", "more": 1}) == "{$sealed: x, more: 1}"
    assert short([True, None, "text"]) == "[true, null, text]"


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (-5, "0 s"),
        (59_999, "59 s"),
        (90_000, "1 min"),
        (3_600_000, "1 h 0 min"),
        (86_340_000, "23 h 59 min"),
        (200_000_000, "2 days"),
    ],
)
def test_times_as_people_say_them(ms: int, said: str) -> None:
    """Never more than there is: what has 59 seconds left is not said to have a minute."""
    assert span(ms) == said


def test_what_is_too_long_is_said_to_be() -> None:
    """A change of a megabyte is not shown in part, and approved by nobody; one of a kilobyte is shown."""
    long, short_ = (w.change(w.operation(Name="x" * size)) for size in (1_000_000, 1_000))
    assert re.fullmatch(
        r"the change is 1,000,\d{3} bytes long, more than can be shown in full \(262,144\)", not_shown(long)
    )
    assert not_shown(short_) == ""
    assert in_a_message(short_).startswith(short_.operations[0].name + " {")
    assert in_a_message(long) == ""


def test_what_is_known_in_part_names_the_rest() -> None:
    """The environment of a plan: nobody spoke of the group it makes, and for its sake all of it counts as production."""
    group = ResourceRef("aws", "aws", "123456789012", "eu-central-1", "ec2:security-group", "sg-1")
    making = msgspec.structs.replace(w.operation(), resources=(group,))
    tags = Heard("tags", "test", str(w.TABLE))

    def silent(environment: str, *heard: Heard) -> list[str]:
        assessment = w.assessment(environment=environment, environment_heard=heard)
        case = Case(id="C-1", phase=Phase.HELD, change=w.change(w.operation(), making), assessment=assessment)
        return list(show.detail(case, ())["environment_silent"])

    assert silent("unknown", tags) == ["ec2:security-group/sg-1"]
    assert silent("unknown") == []  # of nothing is anything known
    assert silent("test", tags, Heard("tags", "test", str(group))) == []
    assert (
        silent("unknown", tags, Heard("container", "test", "ec2:vpc/vpc-1")) == []
    )  # whose members are not told apart
    claimed = Heard("request", "test", str(group), counts=False)
    assert silent("unknown", tags, claimed) == ["ec2:security-group/sg-1"]

"""Three of the five answers that once misled: what cannot be read, what goes along, and who has to agree."""

from __future__ import annotations

import msgspec

from keyturn.console.answers import Tone, answers
from keyturn.core.case import Case, Phase
from keyturn.core.quorum import leaves as leaves_of
from keyturn.core.quorum import parse
from keyturn.model.assessment import Dependent, Kind, Recoverable
from keyturn.model.review import Review, ReviewRequest
from tests.console.test_show import FUNCTION, TABLE, answered, assessed, finding


def test_what_cannot_be_read_promises_nothing() -> None:
    """A shell script on an instance: a backup of the instance would not say what the script does elsewhere."""
    parts = (Recoverable(TABLE, backup=True, inverse=False, recover_s=60),)
    found = answered(assessed(recoverable=parts, findings=(finding(Kind.OPAQUE, "a script"),)))
    assert found["Can it come back"][::2] == ("Not known", Tone.BAD)


def test_what_is_a_part_of_it_does_not_depend_on_it() -> None:
    """The queue of a stack that goes."""
    goes = answered(assessed(blast_radius=(Dependent(FUNCTION, "is deleted with", TABLE),)))["What breaks"]
    assert goes[0] == "1 thing goes with it"
    both = (Dependent(FUNCTION, "is deleted with", TABLE), Dependent(TABLE, "reads", TABLE))
    assert answered(assessed(blast_radius=both))["What breaks"][0] == "2 things depend on it"


def test_who_decides_names_the_places() -> None:
    """Where policy asks for groups a number would mislead: which of them, who fills one, and whether anybody ever could."""
    needs = (parse("1 of security and 1 of platform"),)
    request = ReviewRequest("C-1", 1, "c", "s", "a", "p", ("bob",), ("bob",), 2, 10, "n", needs=needs)
    case = Case("C-1", phase=Phase.HELD, assessment=assessed(), request=request)
    asked = "It takes 1 of security and 1 of platform, not bob, who stands behind the agent."
    assert answers(case)[-1].text == asked
    groups = (leaves_of(needs[0])[0].group,)
    review = Review("dana", approve=True, binding="b", at_ms=1, groups=groups)
    text = answers(msgspec.structs.replace(case, reviews=(review,)))[-1].text
    assert text == f"{asked} So far: 1 of security (dana), 1 more of platform."
    nobody = msgspec.structs.replace(request, unmet="too few people may approve this")
    last = answers(msgspec.structs.replace(case, request=nobody))[-1]
    assert (last.tone, last.text) == (
        Tone.BAD,
        f"{asked} As things stood when it was held, too few people may approve this.",
    )

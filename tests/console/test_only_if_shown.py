"""What a request says must still stand is read on the page and in the terminal as that."""

from __future__ import annotations

import msgspec

from keyturn.cli.text import case as in_words
from keyturn.console import show
from keyturn.core.case import Case, Phase
from tests.console.test_every_phase import answers, full


def conditional() -> Case:
    """A held case, whose first operation is conditional by what an agent wrote."""
    made = full(Phase.HELD)
    assert made.change is not None
    first, *others = made.change.operations
    asked = msgspec.structs.replace(first, parameters={**first.parameters, "IfMatch": "<b>1</b>"})
    change = msgspec.structs.replace(made.change, operations=(asked, *others))
    return msgspec.structs.replace(made, change=change)


async def test_it_stands_on_the_page_and_in_the_terminal() -> None:
    """Above the parameters; what an agent wrote is text."""
    page = (await answers(conditional(), "/c/C-1"))[0].text
    assert "only if its ETag is still &lt;b&gt;1&lt;/b&gt;" in page
    assert page.index("only if its ETag") < page.index("as it was asked")
    printed = in_words(show.detail(conditional(), ()) | {"story": [], "proof": []})
    assert "  only if its ETag is still <b>1</b> (the service checks it)" in printed.splitlines()


async def test_without_a_condition_nothing_is_said() -> None:
    """Every other page is as it was."""
    page = (await answers(full(Phase.HELD), "/c/C-1"))[0].text
    assert "refuses it otherwise" not in page

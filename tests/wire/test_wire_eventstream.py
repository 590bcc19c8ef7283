"""Streams of events are counted off as they pass: against botocore's own reader, however the bytes are cut, whatever they are."""

from __future__ import annotations

from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from keyturn.providers.aws.protocols.eventstream import Messages, error_message
from tests.gateway.slow_upstream import frame

MESSAGES = st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=5)


@given(MESSAGES, st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_it_is_known_where_a_message_ends(messages: list[tuple[bytes, bool]], cuts: list[int]) -> None:
    """Between two messages exactly when botocore has read as many as have come, and waits for nothing."""
    data = b"".join(frame("kind", payload, exception=exception) for payload, exception in messages)
    ours, theirs = Messages(), EventStreamBuffer()
    at = read_bytes = 0
    while at < len(data):
        piece = data[at : at + cuts[at % len(cuts)]]
        at += len(piece)
        ours.feed(piece)
        theirs.add_data(piece)
        read_bytes += sum(message.prelude.total_length for message in theirs)
        assert ours.between == (read_bytes == at)
    assert ours.ended_in == ("kind" if any(exception for _, exception in messages) else "")


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_bytes_that_are_no_stream_pass(pieces: list[bytes]) -> None:
    """They are the service's and the agent's business: nothing is raised, and no message is ever put between them."""
    ours = Messages()
    for piece in pieces:
        ours.feed(piece)
    if len(b"".join(pieces)) >= 12:
        assert not ours.between


def test_a_message_of_ours_is_an_error_to_sdks() -> None:
    """Code and text as they were given, in any language."""
    buffer = EventStreamBuffer()
    buffer.add_data(error_message("KeyturnUncertain", "Fall C-17: ungewiß"))
    (message,) = list(buffer)
    assert message.to_response_dict() == {
        "status_code": 400,
        "headers": {
            ":error-code": "KeyturnUncertain",
            ":error-message": "Fall C-17: ungewiß",
            ":message-type": "error",
        },
        "body": b"",
    }

"""SQS queues: attributes, tags and how many messages; put back in place, and nothing said of messages that nobody can keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from moto import mock_aws

from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.decision import Verdict
from keyturn.model.execution import Answer, Call, Refused, Succeeded, Unavailable
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.sqs import Queue
from tests.provider.moto_account import make_function as made_function
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive, requests, scripted
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up, decided, perform, undone

QUEUE = Queue()
REF = ResourceRef("aws", "aws", ACCOUNT, REGION, "sqs:queue", "jobs")
URL: Final = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/jobs"
ARN: Final = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
DEAD: Final = json.dumps({"deadLetterTargetArn": ARN + "dead", "maxReceiveCount": 5})
CREATE: Final[dict[str, Any]] = {
    "QueueName": "jobs",
    "Attributes": {"VisibilityTimeout": "45", "MessageRetentionPeriod": "1209600", "RedrivePolicy": DEAD},
    "tags": {"environment": "production", "owner": "finance"},
}


@pytest.fixture
def account() -> Iterator[Account]:
    """The queue `jobs` with three messages, one of them in flight, and `dead`, which takes its dead letters."""
    with mock_aws():
        made = Account()
        sqs = made.client("sqs")
        sqs.create_queue(QueueName="dead")
        sqs.create_queue(**CREATE)
        for number in range(3):
            sqs.send_message(QueueUrl=URL, MessageBody=str(number))
        sqs.receive_message(QueueUrl=URL, MaxNumberOfMessages=1)
        yield made


def captured(account: Account) -> State:
    found = drive(QUEUE.capture(REF), account)
    assert found.unknowns == ()
    assert found.state is not None
    return found.state


def attributes(**given: str) -> Asked:
    return "sqs:SetQueueAttributes", {"QueueUrl": URL, "Attributes": given}


# --- capture -----------------------------------------------------------------------------------------------------------


def test_a_queue_is_captured_whole(account: Account) -> None:
    """What is declared, what it holds in each state of a message; counters and times are no declaration."""
    state = captured(account)
    assert state["attributes"]["VisibilityTimeout"] == "45"
    assert state["tags"] == {"environment": "production", "owner": "finance"}
    assert {name: state[name] for name in ("messages", "visible", "in_flight", "delayed")} == {
        "messages": 3,
        "visible": 2,
        "in_flight": 1,
        "delayed": 0,
    }
    assert QUEUE.at_risk(state) == "about 3 messages (1 in flight)"
    assert not [name for name in state["attributes"] if name.startswith("Approximate") or "Timestamp" in name]
    assert json.loads(json.dumps(state)) == state, "plain data: it is kept in the vault"


def test_traffic_is_no_change_of_the_queue(account: Account) -> None:
    """Messages come and go: the fingerprint stands, the number that is shown does not."""
    before = captured(account)
    account.client("sqs").send_message(QueueUrl=URL, MessageBody="more")
    after = captured(account)
    assert QUEUE.fingerprint(after) == QUEUE.fingerprint(before)
    assert after["messages"] == 4


def test_a_queue_made_anew_is_another_one(account: Account) -> None:
    """The same name and the same settings, and yet what was approved was for the queue that held the messages."""
    before = captured(account)
    account.client("sqs").delete_queue(QueueUrl=URL)
    account.client("sqs").create_queue(**CREATE)
    assert QUEUE.fingerprint(captured(account)) != QUEUE.fingerprint(before)


def test_the_spelling_of_a_document_means_nothing() -> None:
    """Policies are compared by what they say."""

    def state(policy: str) -> State:
        answers: dict[str, dict[str, Any]] = {
            "sqs:GetQueueUrl": {"QueueUrl": URL},
            "sqs:GetQueueAttributes": {"Attributes": {"Policy": policy}},
            "sqs:ListQueueTags": {},
            "sqs:ListDeadLetterSourceQueues": {},
            "lambda:ListEventSourceMappings": {},
        }
        found = drive(QUEUE.capture(REF), scripted({**answers}))
        assert found.state is not None
        return found.state

    one, other, another = (
        state(text) for text in ('{"a":1,"b":[2]}', '{ "b": [2], "a": 1 }', '{"a":1,"b":[3]}')
    )
    assert QUEUE.fingerprint(one) == QUEUE.fingerprint(other) != QUEUE.fingerprint(another)


def test_no_queue_is_certainly_absent(account: Account) -> None:
    """The service says so; a throttled or forbidden read does not."""
    account.client("sqs").delete_queue(QueueUrl=URL)
    found = drive(QUEUE.capture(REF), account)
    assert (found.state, found.unknowns) == (None, ())
    account.broken = {"sqs:GetQueueUrl": Unavailable("throttled")}
    assert drive(QUEUE.capture(REF), account).unknowns == ("GetQueueUrl: throttled",)


@pytest.mark.parametrize(
    "operation", ["sqs:ListQueueTags", "sqs:ListDeadLetterSourceQueues", "lambda:ListEventSourceMappings"]
)
def test_what_could_not_be_read_is_said(account: Account, operation: str) -> None:
    """One refused reading is an unknown of the queue."""
    account.broken = {operation: Refused("AccessDenied", "no")}
    (unknown,) = drive(QUEUE.capture(REF), account).unknowns
    assert "AccessDenied" in unknown


def test_whose_dead_letters_it_takes_is_named(account: Account) -> None:
    """Deleting a dead-letter queue is felt elsewhere."""
    dead = ResourceRef("aws", "aws", ACCOUNT, REGION, "sqs:queue", "dead")
    (edge,) = drive(QUEUE.capture(dead), account).dependents
    assert (str(edge.resource), edge.relation) == ("sqs:queue/jobs", "sends its dead letters to")


def test_who_is_fed_from_it_is_named(account: Account) -> None:
    """A function that works through the queue feels it when the queue is emptied."""
    made_function(account)
    account.client("lambda").create_event_source_mapping(EventSourceArn=ARN + "jobs", FunctionName="report")
    _, assessment, _ = assessed(account, ("sqs:PurgeQueue", {"QueueUrl": URL}))
    edges = [(str(edge.resource), edge.relation) for edge in assessment.blast_radius]
    assert edges == [("lambda:function/report", "is fed from")]


def test_messages_need_only_a_glance_at_their_queue(account: Account) -> None:
    """Sent by the thousand: three reads, not six, one of them for who takes them."""
    account.said.clear()
    _, assessment, _ = assessed(account, ("sqs:SendMessage", {"QueueUrl": URL, "MessageBody": "m"}))
    assert [call.operation for call in account.said] == [
        "sqs:GetQueueUrl",
        "sqs:ListQueueTags",
        "lambda:ListEventSourceMappings",
        "pipes:ListPipes",
    ]
    assert (assessment.environment, assessment.unknowns) == ("production", ())


# --- the narrow way ----------------------------------------------------------------------------------------------------


def wanted(**given: Any) -> Asked:
    asked = {**CREATE, "Attributes": {**CREATE["Attributes"], **given.pop("attributes", {})}, **given}
    return "sqs:CreateQueue", asked


def test_delete_and_create_with_one_difference_is_one_call(account: Account) -> None:
    """The agent wants another time-out: one command, and the messages stay where they are."""
    delete: Asked = ("sqs:DeleteQueue", {"QueueUrl": URL})
    _, assessment, _ = assessed(account, delete, wanted(attributes={"VisibilityTimeout": "90"}))
    assert assessment.effect == "replace"
    (way,) = assessment.alternatives
    settings = """'{"VisibilityTimeout":"90"}'"""
    assert way.commands == (f"aws sqs set-queue-attributes --queue-url {URL} --attributes {settings}",)
    assert (way.exact, way.lost) == (True, "nothing")


def test_delete_and_the_same_create_needs_nothing(account: Account) -> None:
    """Documents spelled otherwise are the same documents."""
    spelled = json.dumps(json.loads(DEAD), indent=2)
    _, assessment, _ = assessed(account, wanted(attributes={"RedrivePolicy": spelled}))
    (way,) = assessment.alternatives
    assert (way.exact, way.commands) == (True, ())


def test_attributes_and_tags_are_two_calls(account: Account) -> None:
    """And nothing but these two differs once they are done."""
    asked = wanted(attributes={"DelaySeconds": "3"}, tags={"owner": "sales"})
    found = QUEUE.narrow(REF, captured(account), QUEUE.desired(*asked) or {})
    assert found is not None
    assert [step.operation for step in found.steps] == ["sqs:SetQueueAttributes", "sqs:TagQueue"]
    assert {path for path, _, _ in found.changed} == {"attributes.DelaySeconds", "tags.owner"}
    before = captured(account)
    perform(account, *found.steps)
    after = captured(account)
    assert after["attributes"] == {**before["attributes"], "DelaySeconds": "3"}
    assert after["tags"] == {"environment": "production", "owner": "sales"}


def test_a_queue_does_not_become_fifo(account: Account) -> None:
    """That needs another queue: it is said, and no command is made up."""
    _, assessment, _ = assessed(account, wanted(attributes={"FifoQueue": "true"}))
    (way,) = assessment.alternatives
    assert (way.exact, way.commands) == (False, ())
    assert "FifoQueue" in way.why


# --- taking it back ----------------------------------------------------------------------------------------------------

POLICY: Final = json.dumps({"Version": "2012-10-17", "Statement": []})
OPEN: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
                "Action": ["sqs:SendMessage", "sqs:ReceiveMessage"],
                "Resource": "*",
            }
        ],
    }
)
BACK: Final[dict[str, Asked]] = {
    "one attribute": attributes(VisibilityTimeout="90"),
    "several attributes": attributes(DelaySeconds="9", MaximumMessageSize="2048", VisibilityTimeout="1"),
    "a policy where none was": attributes(Policy=POLICY),
    "dead letters go nowhere": attributes(RedrivePolicy=""),
    "a tag where none was": ("sqs:TagQueue", {"QueueUrl": URL, "Tags": {"team": "x"}}),
    "a tag over a tag": ("sqs:TagQueue", {"QueueUrl": URL, "Tags": {"owner": "x", "team": "y"}}),
    "a tag taken off": ("sqs:UntagQueue", {"QueueUrl": URL, "TagKeys": ["owner"]}),
    "who may send": (
        "sqs:AddPermission",
        {"QueueUrl": URL, "Label": "l", "AWSAccountIds": [ACCOUNT], "Actions": ["SendMessage"]},
    ),
}


@pytest.mark.parametrize("what", sorted(BACK))
def test_what_is_changed_in_place_is_put_back(account: Account, what: str) -> None:
    """Through the whole way, from the capture alone; the messages are not touched."""
    before = captured(account)
    assert undone(account, BACK[what]) == ()
    assert captured(account) == before


@pytest.mark.parametrize(
    "asked",
    [
        ("sqs:DeleteQueue", {"QueueUrl": URL}),
        ("sqs:PurgeQueue", {"QueueUrl": URL}),
        attributes(FifoQueue="true"),
        attributes(MessageRetentionPeriod="60"),
    ],
)
def test_what_is_final_is_not_said_to_be_saved(account: Account, asked: Asked) -> None:
    """No backup is pretended: where policy obliges one, it cannot be executed."""
    made, _, before = assessed(account, asked)
    with pytest.raises(UnavailableError):
        backed_up(account, made, before)


def test_the_loss_is_said_beforehand(account: Account) -> None:
    """Messages and the name's minute stand on the page, with the number of messages."""
    _, assessment, _ = assessed(account, ("sqs:DeleteQueue", {"QueueUrl": URL}))
    (found,) = assessment.recoverable
    assert (found.backup, found.inverse) == (False, False)
    assert any("60 seconds" in line for line in found.loss)
    assert any("message" in line for line in found.loss)
    assert assessment.data_at_risk == "about 3 messages (1 in flight)"
    assert assessment.data_bearing


# --- answers that lag behind -------------------------------------------------------------------------------------------


def lagging(account: Account, before: State, reads: int) -> Callable[[Call], Answer]:
    """The account as SQS is for up to a minute: so many readings still show what stood before the call."""
    left = reads

    def answer(call: Call) -> Answer:
        nonlocal left
        if call.operation == "sqs:GetQueueUrl" and left:
            return Succeeded({"QueueUrl": URL})
        if call.operation == "sqs:GetQueueAttributes" and left:
            left -= 1
            told = {"CreatedTimestamp": before["created"], "QueueArn": before["arn"]}
            return Succeeded({"Attributes": {**before["attributes"], **told}})
        if call.operation == "sqs:ListQueueTags" and left:
            return Succeeded({"Tags": before["tags"]})
        return account(call)

    return answer


def test_a_delete_that_is_not_seen_yet_has_not_failed(account: Account) -> None:
    """It takes up to a minute until a deleted queue is gone everywhere: nobody is told meanwhile that it failed."""
    asked: Asked = ("sqs:DeleteQueue", {"QueueUrl": URL})
    made, _, before = assessed(account, asked)
    state = captured(account)
    account.client("sqs").delete_queue(QueueUrl=URL)
    outcome = drive(PROVIDER.verify(made, requests(asked), before), lagging(account, state, 5))
    assert outcome.status == "succeeded"
    outcome = drive(PROVIDER.verify(made, requests(asked), before), lagging(account, state, 1_000))
    assert (outcome.status, outcome.detail) == ("failed", "sqs:queue/jobs still stands")


def test_a_lost_answer_is_waited_for_too(account: Account) -> None:
    """The delete took effect, its answer got lost, and the first readings still show the queue."""
    made, _, before = assessed(account, ("sqs:DeleteQueue", {"QueueUrl": URL}))
    state = captured(account)
    account.client("sqs").delete_queue(QueueUrl=URL)
    assert drive(PROVIDER.reconcile(made, before), lagging(account, state, 8)).status == "succeeded"


def test_an_undo_that_is_not_seen_yet_is_no_difference(account: Account) -> None:
    """Attributes are put back, and old answers for a while: only what stays otherwise is said to be otherwise."""
    asked = attributes(VisibilityTimeout="90")
    made, _, before = assessed(account, asked)
    backups = backed_up(account, made, before)
    perform(account, asked)
    changed = captured(account)
    assert drive(PROVIDER.undo(made, before, backups), lagging(account, changed, 4)) == ()
    (said,) = drive(PROVIDER.undo(made, before, backups), lagging(account, changed, 1_000))
    assert said.startswith("attributes: ")


# --- what the shipped policy says, now that more is known ----------------------------------------------------------------

HOLD, ALLOW = Verdict.HOLD, Verdict.ALLOW
NIGHT: Final[list[tuple[str, Asked, Verdict, int]]] = [
    ("the queue goes", ("sqs:DeleteQueue", {"QueueUrl": URL}), HOLD, 2),
    ("it is emptied", ("sqs:PurgeQueue", {"QueueUrl": URL}), HOLD, 2),
    ("older messages go", attributes(MessageRetentionPeriod="60"), HOLD, 2),
    ("dead letters are kept no more", attributes(RedrivePolicy=""), HOLD, 2),
    ("who may send and receive", attributes(Policy=OPEN), HOLD, 2),
    ("a policy that lets nobody in", attributes(Policy=POLICY), HOLD, 1),
    ("another account may send", BACK["who may send"], HOLD, 2),
    ("nobody's key", attributes(SqsManagedSseEnabled="false"), HOLD, 2),
    ("another key", attributes(KmsMasterKeyId="alias/mine"), HOLD, 2),
    ("messages come twice", attributes(VisibilityTimeout="0"), HOLD, 1),
    ("messages are refused", attributes(MaximumMessageSize="1024"), HOLD, 1),
    ("it is called otherwise", ("sqs:UntagQueue", {"QueueUrl": URL, "TagKeys": ["environment"]}), HOLD, 2),
    ("messages are taken out", ("sqs:DeleteMessage", {"QueueUrl": URL, "ReceiptHandle": "h"}), HOLD, 2),
    # --- what an agent is there for -----------------------------------------------------------------------------------
    ("a longer time-out", attributes(VisibilityTimeout="90"), ALLOW, 0),
    ("a delay", attributes(DelaySeconds="9"), ALLOW, 0),
    ("the same dead letters, spelled otherwise", attributes(RedrivePolicy=json.dumps(json.loads(DEAD), indent=1)), ALLOW, 0),
    ("a message", ("sqs:SendMessage", {"QueueUrl": URL, "MessageBody": "m"}), ALLOW, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "asked", "verdict", "quorum"), NIGHT, ids=[line[0].replace(" ", "-") for line in NIGHT]
)
def test_in_production(account: Account, what: str, asked: Asked, verdict: Verdict, quorum: int) -> None:
    """What loses messages, hands the queue to others or stops its consumers waits; the rest goes through, captured first."""
    assessment, decision = decided(account, asked)
    assert assessment.environment == "production"
    assert (decision.verdict, decision.obligations.quorum) == (verdict, quorum), (what, assessment.findings)

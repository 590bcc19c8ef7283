"""Events are for ever: what was written once must be read by every later version (rules at the top of `model/record.py`).

`corpus/events.jsonl` holds lines as they were written, `corpus/shapes.json` the shape that every value had then. Both only
ever grow. When an event, a field or a word of an enumeration is added, add an example here and run this file:

    python tests/record/test_record_corpus.py
"""

from __future__ import annotations

import enum
import json
import typing
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from keyturn.model import plane_events as pe
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.assessment import (
    Alternative,
    Assessment,
    Dependent,
    Difference,
    Finding,
    Kind,
    Recoverable,
    RehearsedStep,
    Reversibility,
)
from keyturn.model.change import Binding, Change, Effect, Operation, Principal, Rehearsed, ResourceRef
from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.model.execution import Backup, Call, Grant, Outcome, OutcomeStatus, ProofStep, Role, Vaulted
from keyturn.model.radius import Capacity, Coverage, Fate, Link, Looked, Node, Radius, Reach, Share
from keyturn.model.review import Receipt, Review, ReviewRequest, Statement
from tests.record.reviewing_examples import REVIEWING

AT: Final = 1_767_225_600_000
ACCOUNT, REGION = "123456789012", "eu-central-1"
CORPUS: Final = Path(__file__).with_name("corpus")
RUN_ME: Final = "run: python tests/record/test_record_corpus.py"
DIGEST: Final = "sha256:" + "5a" * 32

TABLE = ResourceRef("aws", "aws", ACCOUNT, REGION, "dynamodb:table", "costs")
FUNCTION = ResourceRef("aws", "aws", ACCOUNT, REGION, "lambda:function", "cost-report")
AGENT = Principal(agent="kiro", session="S-0a1b2c3d4e5f", operator="ada")
DELETE = Operation(
    provider="aws",
    name="dynamodb:DeleteTable",
    parameters={"TableName": "costs", "Note": {"$sealed": "hmac:0123456789abcdef01234567"}},
    resources=(TABLE,),
    floor=Effect.DELETE,
    partition="aws",
    account=ACCOUNT,
    region=REGION,
    request="vault:request:77",
    token="once-only",
    payload_sha256="ab" * 32,
)
CHANGE = Change(
    principal=AGENT,
    surface="aws_gateway",
    operations=(DELETE,),
    received_at_ms=AT,
    intent="“start afresh” — Zoë 🔑",
    undoes="C-1",
)
RADIUS = Radius(
    nodes=(
        Node(TABLE, Fate.GOES, 0, environment="production", owner="finance", reached=True),
        Node(FUNCTION, Fate.RELIES, 1, use="12 calls in the last 7 days", used=True),
    ),
    links=(Link(FUNCTION, "has it in its environment as TABLE", TABLE, "lambda:ListFunctions Environment"),),
    looked=(
        Looked("lambda:function", Coverage.MAPPED, 3),
        Looked("ecs:service", Coverage.NOT_ENOUGH, 0, "ecs:ListServices: throttled"),
        Looked("2 further types", Coverage.UNSUPPORTED, 2, "types that could name it"),
    ),
    shares=(Share("all tables", "dynamodb:table", 1, 4), Share("all tables elsewhere", "dynamodb:table", 1)),
    capacities=(Capacity(FUNCTION, "healthy targets", 4, 1), Capacity(FUNCTION, "running tasks", None, None)),
    reach=Reach(("dynamodb:DeleteTable",), ("arn:aws:dynamodb:::table/costs",), narrowed=True),
    cut=("it was followed for 4 steps, and goes on",),
    reads=37,
)
ASSESSMENT = Assessment(
    effect=Effect.DELETE,
    effects=(Effect.DELETE,),
    reversibility=Reversibility.R3,
    environment="production",
    state_digest=DIGEST,
    recover_s=1800,
    data_at_risk="10,000 items, 1.2 MB",
    data_bearing=True,
    blast_radius=(Dependent(resource=FUNCTION, relation="reads", on=TABLE),),
    recoverable=(
        Recoverable(resource=TABLE, backup=True, inverse=False, recover_s=None, loss=("stream ARN",)),
    ),
    findings=(
        Finding(
            code="DDB001",
            kind=Kind.DATA_LOSS,
            message="deletes the table with its items",
            effect=Effect.DELETE,
            reversibility=Reversibility.R3,
            resources=(TABLE,),
            source="API_DeleteTable",
            evidence={"items": 10_000, "names": ["a", None, True], "deep": {"er": {}}},
        ),
    ),
    differences=(Difference(resource=TABLE, path="/Table", before={"Status": "ACTIVE"}, after=None),),
    alternatives=(
        Alternative(
            operations=(DELETE,),
            commands=("aws lambda update-function-configuration",),
            why="the bug is a setting",
            lost="nothing",
            exact=True,
        ),
    ),
    unknowns=("who reads the stream",),
    captures="vault:assessing:78",
)
DECISION = Decision(
    verdict=Verdict.HOLD,
    reasons=(Reason(policy="seatbelt.destroy", message="production", source="seatbelt.cedar:12"),),
    obligations=Obligations(quorum=2, backup=True, capture=True, restore_on_failure=True, window_s=900),
    policy_digest=DIGEST,
    errors=("a policy erred",),
    enforced=False,
)
REQUEST = ReviewRequest(
    case_id="C-17",
    revision=2,
    change_digest=DIGEST,
    state_digest=DIGEST,
    assessment_digest=DIGEST,
    policy_digest=DIGEST,
    requesters=("ada", "kiro", "S-0a1b2c3d4e5f"),
    excluded=("ada",),
    quorum=2,
    deadline_ms=AT + 3_600_000,
    nonce="9f" * 16,
)
RECEIPT = Receipt(
    statement=Statement(
        case_id="C-17",
        revision=2,
        change_digest=DIGEST,
        state_digest=DIGEST,
        assessment_digest=DIGEST,
        binding=DIGEST,
        decision="approve",
        reviewer="grace",
        note_digest=DIGEST,
        nonce="1767225900000.9f.8e",
        expires_at_ms=AT + 300_000,
        rp_id="localhost",
        origin="http://localhost:8421",
    ),
    credential="Y3JlZA",
    public_key="MFkw",
    authenticator_data="YXV0aA",
    client_data="e30",
    signature="c2ln",
)
CALL = Call(
    operation="dynamodb:CreateBackup",
    parameters={"$sealed": "vault:call:79"},
    account=ACCOUNT,
    region=REGION,
    role=Role.BACKUP,
    partition="aws-cn",
)
BACKUP = Backup(
    resource=TABLE,
    state_digest=DIGEST,
    watermark={"items": 10_000},
    reference="arn:aws:dynamodb:eu-central-1:123456789012:table/costs/backup/01",
    manifest="vault:manifest:80",
    taken_at_ms=AT,
    verified_at_ms=AT + 1,
    verified_by="restored beside it and compared",
    restores_to="a new table of the same name",
    loss=("stream ARN",),
)
COPYING = msgspec.structs.replace(CALL, operation="ec2:CopySnapshot", account="222222222222", role=Role.VAULT)
VAULTED = Vaulted(
    account="222222222222",
    region=REGION,
    kind="ec2:image",
    reference="ami-0a1b2c3d",
    verified_by="it is done there",
    also=("snap-0a1b2c3d",),
    bytes=77,
    source_key="arn:aws:kms:eu-central-1:123456789012:key/1",
)
OUTCOME = Outcome(
    status=OutcomeStatus.FAILED,
    detail="the service answered 400",
    http_status=400,
    error_code="ResourceInUseException",
    response="vault:response:81",
    state_after=DIGEST,
)
STEPS = (ProofStep(number=1, name="decision in force", holds=True, detail="as decided"),)
GRANT = Grant(
    change_digest=DIGEST,
    actions=("dynamodb:DeleteTable",),
    resources=("arn:aws:dynamodb:eu-central-1:123456789012:table/costs",),
    policy="{}",
    expires_at_ms=AT + 900_000,
    lease="C-17-r2",
    narrowed=False,
    why="it did not fit",
)

REHEARSED = Rehearsed(
    id="S-0a1b2c3d4e5f",
    record="vault:rehearsal:84",
    digest=DIGEST,
    bindings=(Binding(step=1, value="sg-0123456789abcdef0", by=0, output="GroupId"),),
    unseen=("dynamodb:table/costs: without its items",),
)
STEP = RehearsedStep(
    operation="dynamodb:DeleteTable",
    resources=(TABLE,),
    effect=Effect.DELETE,
    reversibility=Reversibility.R3,
    findings=ASSESSMENT.findings,
    differences=(Difference(TABLE, "stands", before=True, after=False),),
    unread=("lambda:function/cost-report: nothing reads it back",),
)

EXAMPLES: Final[tuple[r.Event, ...]] = (
    r.Received(at_ms=AT, change=CHANGE),
    r.Received(at_ms=AT, change=msgspec.structs.replace(CHANGE, undoes=None, instead_of="C-17")),
    r.Received(at_ms=AT, change=msgspec.structs.replace(CHANGE, undoes=None, rehearsed=REHEARSED)),
    r.Received(at_ms=AT, change=msgspec.structs.replace(CHANGE, stays=("no backup of costs",))),
    r.Joined(at_ms=AT, change=CHANGE),
    r.Assessed(at_ms=AT, assessment=ASSESSMENT),
    r.Assessed(at_ms=AT, assessment=msgspec.structs.replace(ASSESSMENT, radius=RADIUS)),
    r.Assessed(at_ms=AT, assessment=msgspec.structs.replace(ASSESSMENT, makes=(TABLE,))),
    r.Assessed(at_ms=AT, assessment=msgspec.structs.replace(ASSESSMENT, rehearsed=(STEP,))),
    r.Decided(at_ms=AT, decision=DECISION, request=REQUEST, said="vault:said:82"),
    r.Decided(
        at_ms=AT,
        decision=Decision(verdict=Verdict.ALLOW, reasons=(), obligations=Obligations(), policy_digest=DIGEST),
    ),
    r.Attached(at_ms=AT, waiter="w-1"),
    r.Detached(at_ms=AT, waiter="w-1"),
    r.Reviewed(
        at_ms=AT,
        review=Review(
            reviewer="grace", approve=True, binding=DIGEST, at_ms=AT, note="agreed", via="cli", signature="s"
        ),
    ),
    r.ReviewRefused(
        at_ms=AT, reviewer="ada", approve=True, code="own-agent", message="ada runs the agent that asked"
    ),
    r.ExecuteAsked(at_ms=AT, by="grace"),
    r.Withdrawn(at_ms=AT, by="ada", reason="not needed"),
    r.Withdrawn(at_ms=AT, by="ada", reason="C-18 was sent instead", instead="C-18"),
    r.Expired(at_ms=AT, what="approval"),
    r.Invalidated(at_ms=AT, what="state", detail="costs has 3 items more"),
    r.Halted(at_ms=AT, by="grace"),
    r.Claimed(at_ms=AT, nonce="9f" * 16, verdict=Verdict.HOLD),
    r.StepIntended(at_ms=AT, recipe="backup", step=1, call=CALL, request="vault:call:79"),
    r.StepIntended(at_ms=AT, recipe="vault 1", step=1, call=COPYING, request="vault:call:90"),
    r.StepIntended(
        at_ms=AT,
        recipe="vault exports",
        step=1,
        call=msgspec.structs.replace(COPYING, role=Role.VAULT_READ),
        request="vault:call:91",
    ),
    r.BackedUp(
        at_ms=AT, backups=(msgspec.structs.replace(BACKUP, vaulted=(VAULTED,), not_vaulted="it stays"),)
    ),
    r.Assessed(
        at_ms=AT,
        assessment=msgspec.structs.replace(
            ASSESSMENT,
            recoverable=(
                msgspec.structs.replace(ASSESSMENT.recoverable[0], vaulted=True, not_vaulted="it stays"),
            ),
        ),
    ),
    r.Decided(
        at_ms=AT,
        decision=msgspec.structs.replace(DECISION, obligations=Obligations(backup=True, vaulted=True)),
    ),
    r.StepEnded(
        at_ms=AT,
        recipe="backup",
        step=1,
        status="refused",
        detail="LimitExceeded",
        answer_ref="vault:answer:83",
    ),
    r.BackedUp(at_ms=AT, backups=(BACKUP,), captures="vault:assessing:78"),
    r.PrepareFailed(at_ms=AT, detail="the backup has fewer items"),
    r.Proved(at_ms=AT, steps=STEPS, grant=GRANT),
    r.ProofFailed(at_ms=AT, steps=STEPS),
    r.Sent(at_ms=AT, nonce="9f" * 16, operation=1),
    r.Answered(at_ms=AT, outcome=OUTCOME, operation=1),
    r.Reconciled(at_ms=AT, outcome=OUTCOME, evidence="the table is there", operation=1),
    r.VerifyBegun(at_ms=AT),
    r.Verified(at_ms=AT, result="confirmed", detail="the table is gone"),
    r.Restored(at_ms=AT, succeeded=True, detail="as it was", differences=("stream ARN",)),
    r.Settled(at_ms=AT, by="grace", succeeded=False, note="looked at the console"),
    r.Undone(at_ms=AT, by_case="C-18"),
    r.BackupRetired(
        at_ms=AT, by="grace", reason="its retention is over", references=("arn:backup",), by_case="C-19"
    ),
    r.BackedUp(at_ms=AT, backups=(msgspec.structs.replace(BACKUP, keep_days=100),)),
    r.Received(at_ms=AT, change=msgspec.structs.replace(CHANGE, undoes=None, drops="C-17")),
    r.TakenUp(at_ms=AT, by="node-b", from_node="node-a"),
    r.Received(at_ms=AT, change=msgspec.structs.replace(CHANGE, trace=f"00-{'0a' * 16}-{'0b' * 8}-01")),
    *REVIEWING,
    r.SessionOpened(
        at_ms=AT,
        session="S-0a1b2c3d4e5f",
        agent="kiro",
        operator="ada",
        owner="ada",
        access_key_id="KTSESS0123456789ABCD",
        expires_at_ms=AT + 3_600_000,
        suggest_only=True,
    ),
    r.SessionOpened(
        at_ms=AT,
        session="S-0a1b2c3d4e5f",
        agent="kiro",
        operator="ada",
        owner="ada",
        access_key_id="KTSESS0123456789ABCD",
        expires_at_ms=AT + 3_600_000,
        lenders=("bob",),
    ),
    r.SessionEnded(at_ms=AT, session="S-0a1b2c3d4e5f", reason="the child ended"),
    r.HaltRaised(at_ms=AT, by="grace", reason="something is wrong", agent="kiro"),
    r.HaltLifted(at_ms=AT, by="grace", agent="kiro"),
    r.FreezeSet(at_ms=AT, by="grace", until_ms=AT + 1, environment="production", reason="year's end"),
    r.FreezeSet(
        at_ms=AT,
        by="grace",
        until_ms=AT + 2,
        environment="",
        reason="year's end",
        freeze="F-2",
        account="123456789012",
        from_ms=AT + 1,
    ),
    r.FreezeLifted(at_ms=AT, by="grace", freeze="F-2", reason="the books are closed"),
    r.ReadsForwarded(at_ms=AT, reads=((AT, "S-0a1b2c3d4e5f", "dynamodb:GetItem", str(TABLE), 200),)),
    r.PartsSent(at_ms=AT, parts=((AT, "S-0a1b2c3d4e5f", "C-17", "s3:UploadPart", "PartNumber=3", 200),)),
    r.RequestRefused(
        at_ms=AT,
        session="S-0a1b2c3d4e5f",
        code="unknown-operation",
        reason="not identified",
        operation="dynamodb:Frob",
        case_id="C-17",
    ),
    r.Decided(
        at_ms=AT,
        decision=msgspec.structs.replace(DECISION, obligations=Obligations(quorum=1, signed=True)),
        request=msgspec.structs.replace(REQUEST, signed=True),
    ),
    r.Reviewed(
        at_ms=AT,
        review=Review(reviewer="grace", approve=True, binding=DIGEST, at_ms=AT, receipt=RECEIPT),
    ),
    r.Answered(at_ms=AT, outcome=msgspec.structs.replace(OUTCOME, request_id="7b4f-REQ")),
    r.PasskeyChanged(
        at_ms=AT,
        by="grace",
        user="grace",
        credential="Y3JlZA",
        what="added",
        name="phone",
        public_key="MFkw",
        rp_id="localhost",
    ),
    r.TokenChanged(
        at_ms=AT,
        by="grace",
        user="grace",
        token="0a1b2c3d",
        what="added",
        name="nightly",
        scopes=("read", "operate"),
        environments=("test",),
        expires_at_ms=AT + 1,
    ),
    r.IdentityMapped(
        at_ms=AT,
        issuer="https://login.example.com",
        subject="00u1",
        user="grace",
        roles=("reviewer",),
        teams=("payments",),
        groups=("sre",),
    ),
    r.UserChanged(at_ms=AT, by="ada", user="grace", roles=("reviewer",), what="added"),
    r.AuthorityMade(at_ms=AT, by="ada", fingerprint="AB:CD:" * 15 + "AB:CD"),
    r.DrillBegun(at_ms=AT, resource=TABLE, scratch=TABLE, by="ada"),
    r.Drilled(
        at_ms=AT,
        resource=TABLE,
        by="ada",
        result="different",
        detail="the scratch was left behind",
        differences=("tags: {} is now None",),
        restore_ms=4_200,
        watermark={"items": 3},
        on="stand-in",
    ),
    r.Drilled(at_ms=AT, resource=TABLE, by="ada", result="equal", on="account", removed=(TABLE,)),
    r.DrillBegun(at_ms=AT, resource=TABLE, scratch=TABLE, by="ada", drill="0a1b2c3d"),
    r.DrillSwept(at_ms=AT, removed=(TABLE,)),
    r.BackupExported(at_ms=AT, by="ada", case="C-17", references=("vault:kept:77",)),
    r.PolicyLoaded(at_ms=AT, policy_digest=DIGEST, packs=("seatbelt",), enforcing=True),
    r.Started(at_ms=AT, version="0.1.0", catalogue=DIGEST, mode="enforcing"),
)

Shapes = dict[str, list[Any]]


def tag(event: r.Event | type[r.Event]) -> str:
    return str(event.__struct_config__.tag)


def lines() -> list[bytes]:
    """Every event ever written, as its bytes."""
    return (CORPUS / "events.jsonl").read_bytes().splitlines()


def shapes() -> Shapes:
    """Of every value that an event holds: its fields in order, or the words of an enumeration."""
    found: Shapes = {}

    def walk(kind: msgspec.inspect.Type) -> None:
        match kind:
            case msgspec.inspect.StructType(cls=cls, fields=fields):
                if cls.__name__ not in found:
                    found[cls.__name__] = [[field.encode_name, field.required] for field in fields]
                    for field in fields:
                        walk(field.type)
            case msgspec.inspect.EnumType(cls=cls):
                found[cls.__name__] = [member.value for member in cls if isinstance(member, enum.Enum)]
            case msgspec.inspect.UnionType(types=kinds):
                for one in kinds:
                    walk(one)
            case msgspec.inspect.VarTupleType(item_type=item) | msgspec.inspect.ListType(item_type=item):
                walk(item)

    walk(msgspec.inspect.type_info(r.EntryBody))
    walk(msgspec.inspect.type_info(r.Checkpoint))
    return found


def recorded() -> Shapes:
    written: Shapes = json.loads((CORPUS / "shapes.json").read_text())
    return written


@pytest.mark.parametrize("line", lines(), ids=lambda line: json.loads(line)["event"])
def test_every_line_ever_written_is_read_and_written_again(line: bytes) -> None:
    """What an older version wrote decodes, and is the same bytes when written again: digests over it still hold."""
    assert r.encode_event(r.decode_event(line)) == line


def test_every_kind_of_event_stands_in_the_corpus() -> None:
    """An event that is not in the corpus is not protected by it; one that is there and nowhere else was removed."""
    assert {tag(r.decode_event(line)) for line in lines()} == {
        tag(kind) for kind in typing.get_args(r.Event)
    }, RUN_ME


@pytest.mark.parametrize("event", EXAMPLES, ids=tag)
def test_an_event_is_written_as_it_always_was(event: r.Event) -> None:
    """The example's bytes stand in the corpus: neither a tag, nor a field's name, nor the order of keys has changed."""
    assert r.encode_event(event) in lines(), RUN_ME


def test_a_tag_names_one_kind_of_event() -> None:
    """Two kinds with one tag could not be told apart in the log; a case's and the plane's are never the same."""
    case, plane = typing.get_args(r.CaseEvent), typing.get_args(r.PlaneEvent)
    assert len({tag(kind) for kind in (*case, *plane)}) == len(case) + len(plane)
    bases = (r._Event, rv._Event, pe._Event)
    defined = {
        kind
        for kind in (*vars(r).values(), *vars(rv).values(), *vars(pe).values())
        if isinstance(kind, type) and issubclass(kind, bases) and kind not in bases
    }
    assert defined == {*case, *plane}, "an event that is in no union can be written and never be read"


@pytest.mark.parametrize("name", sorted(recorded()))
def test_a_value_only_grows(name: str) -> None:
    """Fields are never removed, renamed or moved, and none becomes required; words of an enumeration stay."""
    now, then = shapes().get(name), recorded()[name]
    assert now is not None, f"{name} was removed"
    assert wrong_growth(then, now) == ""


def wrong_growth(then: list[Any], now: list[Any]) -> str:
    """Empty when `now` is `then` and more at its end; otherwise what was done to it that may not be done."""
    if not all(isinstance(field, list) for field in then):
        lost = [word for word in then if word not in now]
        return f"words were removed: {lost}" if lost else ""
    if [field[0] for field in now[: len(then)]] != [field[0] for field in then]:
        return "a field was removed, renamed or moved"
    if any(required and not was for (_, was), (_, required) in zip(then, now, strict=False)):
        return "a field has lost its default"
    if any(required for _, required in now[len(then) :]):
        return "a new field has no default"
    return ""


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ([["a", True], ["b", False]], ""),
        ([["a", False], ["b", False], ["c", False]], ""),
        ([["a", True]], "removed"),
        ([["b", False], ["a", True]], "moved"),
        ([["a", True], ["bee", False]], "renamed"),
        ([["a", True], ["b", True]], "lost its default"),
        ([["a", True], ["b", False], ["c", True]], "no default"),
    ],
)
def test_the_check_of_growth_itself(now: list[Any], said: str) -> None:
    """A check that never fails checks nothing: each forbidden change to (a, b=default) is named."""
    found = wrong_growth([["a", True], ["b", False]], now)
    assert said in found
    assert bool(said) == bool(found)


def test_every_value_has_its_shape_on_record() -> None:
    """What an event can hold today is protected from today on."""
    assert {name: len(shape) for name, shape in shapes().items()} == {
        name: len(shape) for name, shape in recorded().items()
    }, RUN_ME


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "truncated"),
        (b"null", "Expected `object`"),
        (b"{}", "missing required field `event`"),
        (b'{"event":"unheard_of","at_ms":1}', "Invalid value 'unheard_of'"),
        (b'{"event":"halted","by":"x"}', "missing required field `at_ms`"),
        (b'{"event":"halted","at_ms":"1","by":"x"}', "Expected `int`"),
        (b'{"event":"halted","at_ms":1,"by":"x"} ', ""),
        (b'{"event":"halted","at_ms":1,"by":"x"}x', "malformed"),
    ],
)
def test_what_is_no_event_is_refused(line: bytes, why: str) -> None:
    """Anything else raises, and says what is wrong; white space at the end is none of our business."""
    if not why:
        assert r.decode_event(line) == r.Halted(at_ms=1, by="x")
        return
    with pytest.raises(msgspec.DecodeError, match=why):
        r.decode_event(line)


def extend() -> None:
    """Add to the corpus what is not in it; never change what is."""
    CORPUS.mkdir(exist_ok=True)
    events = CORPUS / "events.jsonl"
    events.touch()
    known = set(lines())
    with events.open("ab") as file:
        file.writelines(line + b"\n" for line in map(r.encode_event, EXAMPLES) if line not in known)
    path = CORPUS / "shapes.json"
    earlier: Shapes = json.loads(path.read_text()) if path.exists() else {}
    refused = {name: wrong_growth(then, shapes()[name]) for name, then in earlier.items() if name in shapes()}
    if any(refused.values()) or earlier.keys() - shapes().keys():
        raise SystemExit(f"not written: {refused}, removed: {earlier.keys() - shapes().keys()}")
    body = ",\n".join(f"{json.dumps(name)}: {json.dumps(shape)}" for name, shape in shapes().items())
    path.write_text("{\n" + body + "\n}\n")


if __name__ == "__main__":
    extend()

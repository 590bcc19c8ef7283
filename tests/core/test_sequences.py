"""What a session does in several calls is judged as one: replace, guard off and delete, blind and act, many small deletes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from keyturn.core.case import Case, Phase
from keyturn.core.plane import Plane, from_snapshot, snapshot
from keyturn.core.sequences import MANY, MANY_INSIDE, REMEMBERED_MAX, Earlier, found, raised
from keyturn.core.steps import Step
from keyturn.model import record as r
from keyturn.model.assessment import Assessment, Dependent, Finding, Kind, Reversibility
from keyturn.model.change import Change, Effect, Operation, Principal, ResourceRef


def ref(kind: str, name: str) -> ResourceRef:
    return ResourceRef(provider="aws", partition="aws", account="1", region="r", kind=kind, id=name)


def change(name: str, floor: Effect, *resources: ResourceRef, undoes: str | None = None) -> Change:
    operation = Operation("aws", name, {}, resources, floor, "aws", "1", "r")
    principal = Principal(agent="a", session="S-1", operator="o")
    return Change(principal, "test", (operation,), 0, undoes=undoes)


def assessment(effect: Effect, *findings: Finding) -> Assessment:
    return Assessment(effect, (effect,), Reversibility.R1, "production", "", findings=findings)


def earlier(number: int, name: str, floor: Effect, *resources: ResourceRef, kinds: tuple[Kind, ...] = (), done: bool = False) -> Earlier:  # fmt: skip
    return Earlier(f"C-{number}", (Step(name, floor, resources),), frozenset(kinds), done)


TABLE = ref("dynamodb:table", "orders")
OTHER = ref("dynamodb:table", "other")
TRAIL = ref("cloudtrail:trail", "audit")
DELETED = earlier(1, "dynamodb:DeleteTable", Effect.DELETE, TABLE)
STRIPPED = earlier(1, "dynamodb:UpdateTable", Effect.UPDATE, TABLE, kinds=(Kind.PROTECTION_STRIP,))
REVIEWED = msgspec.structs.replace(DELETED, done=True, reviewed=True)
PUT_AWAY = msgspec.structs.replace(earlier(1, "events:DeleteRule", Effect.DELETE, ref("events:rule", "nightly")), done=True, reviewed=True)  # fmt: skip
BLINDED = earlier(1, "cloudtrail:StopLogging", Effect.UPDATE, TRAIL, kinds=(Kind.BLIND,))


def objects(count: int) -> tuple[Earlier, ...]:
    return tuple(
        earlier(n, "s3:DeleteObject", Effect.DELETE, ref("s3:object", f"b/{n}")) for n in range(count)
    )


def members(count: int) -> tuple[Earlier, ...]:
    return tuple(
        earlier(n, "ecs:DeleteService", Effect.DELETE, ref("ecs:service", f"web/{n}")) for n in range(count)
    )


def its_own(*resources: ResourceRef, done: bool = True) -> Earlier:
    """A case of the session that made what stood nowhere before."""
    return msgspec.structs.replace(
        earlier(1, "dynamodb:CreateTable", Effect.CREATE, *resources, done=done), makes=resources
    )


ROWS: list[tuple[str, tuple[Earlier, ...], Change, list[tuple[str, Kind]]]] = [
    ("delete, then create", (DELETED,), change("dynamodb:CreateTable", Effect.CREATE, TABLE), [("SEQ001", Kind.REPLACE)]),
    ("delete, then create of another", (DELETED,), change("dynamodb:CreateTable", Effect.CREATE, OTHER), []),
    ("delete, then restore", (DELETED,), change("dynamodb:RestoreTableFromBackup", Effect.UPDATE, TABLE), [("SEQ001", Kind.REPLACE)]),
    ("create, then delete", (earlier(1, "dynamodb:CreateTable", Effect.CREATE, TABLE),), change("dynamodb:DeleteTable", Effect.DELETE, TABLE), [("SEQ001", Kind.REPLACE)]),
    ("what it made, deleted", (earlier(1, "dynamodb:CreateTable", Effect.CREATE, TABLE, done=True),), change("dynamodb:DeleteTable", Effect.DELETE, TABLE), [("SEQ001", Kind.NOTE)]),
    ("delete, then create in another case", (earlier(1, "rds:DeleteDBInstance", Effect.DELETE, ref("rds:db", "SHOP")),), change("rds:CreateDBInstance", Effect.CREATE, ref("rds:db", "shop")), [("SEQ001", Kind.REPLACE)]),
    ("delete, then create of a name that differs by its case", (DELETED,), change("dynamodb:CreateTable", Effect.CREATE, ref("dynamodb:table", "Orders")), []),
    ("one of several deleted, then created", (earlier(1, "ssm:DeleteParameters", Effect.DELETE, ref("ssm:parameter", "/b"), ref("ssm:parameter", "/a")),), change("ssm:PutParameter", Effect.CREATE, ref("ssm:parameter", "a")), [("SEQ001", Kind.REPLACE)]),
    ("delete, then put", (earlier(1, "events:DeleteRule", Effect.DELETE, ref("events:rule", "nightly")),), change("events:PutRule", Effect.UPDATE, ref("events:rule", "nightly")), [("SEQ001", Kind.REPLACE)]),
    ("an object deleted, then put", (earlier(1, "s3:DeleteObject", Effect.DELETE, ref("s3:object", "b/k")),), change("s3:PutObject", Effect.UPDATE, ref("s3:object", "b/k")), []),
    ("delete in a group by default, then create", (earlier(1, "scheduler:DeleteSchedule", Effect.DELETE, ref("scheduler:schedule", "n")),), change("scheduler:CreateSchedule", Effect.CREATE, ref("scheduler:schedule", "default/n")), [("SEQ001", Kind.REPLACE)]),
    ("delete by its type, then create", (earlier(1, "cloudcontrol:DeleteResource", Effect.DELETE, ref("cloudcontrol:resource", "AWS::DynamoDB::Table/orders")),), change("dynamodb:CreateTable", Effect.CREATE, TABLE), [("SEQ001", Kind.REPLACE)]),
    ("delete, then create by its type", (DELETED,), change("cloudcontrol:CreateResource", Effect.CREATE, ref("cloudcontrol:type", "AWS::DynamoDB::Table")), [("SEQ001", Kind.REPLACE)]),
    ("delete, then create by another type", (DELETED,), change("cloudcontrol:CreateResource", Effect.CREATE, ref("cloudcontrol:type", "AWS::SQS::Queue")), []),
    ("guard off by its type, then delete", (earlier(1, "cloudcontrol:UpdateResource", Effect.UPDATE, ref("cloudcontrol:resource", "AWS::RDS::DBInstance/shop"), kinds=(Kind.PROTECTION_STRIP,)),), change("rds:DeleteDBInstance", Effect.DELETE, ref("rds:db", "shop")), [("SEQ002", Kind.PROTECTION_STRIP)]),
    ("made by its type, then another deleted", (msgspec.structs.replace(earlier(1, "cloudcontrol:CreateResource", Effect.CREATE, ref("cloudcontrol:type", "AWS::DynamoDB::Table"), done=True), makes=(ref("cloudcontrol:type", "AWS::DynamoDB::Table"),)),), change("dynamodb:DeleteTable", Effect.DELETE, TABLE), []),
    ("delete done unreviewed, then create", (msgspec.structs.replace(DELETED, done=True),), change("dynamodb:CreateTable", Effect.CREATE, TABLE), [("SEQ001", Kind.REPLACE)]),
    ("delete reviewed and done, then create", (REVIEWED,), change("dynamodb:CreateTable", Effect.CREATE, TABLE), [("SEQ001", Kind.NOTE)]),
    ("delete reviewed and done, another unreviewed, then create", (REVIEWED, msgspec.structs.replace(DELETED, case_id="C-2", done=True)), change("dynamodb:CreateTable", Effect.CREATE, TABLE), [("SEQ001", Kind.REPLACE)]),
    ("delete reviewed and done, then create by its type", (REVIEWED,), change("cloudcontrol:CreateResource", Effect.CREATE, ref("cloudcontrol:type", "AWS::DynamoDB::Table")), [("SEQ001", Kind.NOTE)]),
    ("delete reviewed and done, then a put that may write over", (PUT_AWAY,), change("events:PutRule", Effect.UPDATE, ref("events:rule", "nightly")), [("SEQ001", Kind.REPLACE)]),
    ("delete reviewed and done, then delete", (REVIEWED,), change("dynamodb:DeleteTable", Effect.DELETE, TABLE), []),
    ("an undo makes it anew", (DELETED,), change("dynamodb:CreateTable", Effect.CREATE, TABLE, undoes="C-1"), []),
    ("guard off, then delete", (STRIPPED,), change("dynamodb:DeleteTable", Effect.DELETE, TABLE), [("SEQ002", Kind.PROTECTION_STRIP)]),
    ("guard off, then an update", (STRIPPED,), change("dynamodb:UpdateTable", Effect.UPDATE, TABLE), []),
    ("guard off elsewhere, then delete", (STRIPPED,), change("dynamodb:DeleteTable", Effect.DELETE, OTHER), []),
    ("blind, then act", (BLINDED,), change("dynamodb:UpdateTable", Effect.UPDATE, TABLE), [("SEQ003", Kind.BLIND)]),
    ("blind is still waited for", (msgspec.structs.replace(BLINDED, waits=True),), change("dynamodb:UpdateTable", Effect.UPDATE, TABLE), []),
    ("blind, then see again", (BLINDED,), change("cloudtrail:StartLogging", Effect.UPDATE, TRAIL), []),
    ("few deletes", objects(MANY - 2), change("s3:DeleteObject", Effect.DELETE, ref("s3:object", "b/x")), []),
    ("many deletes", objects(MANY - 1), change("s3:DeleteObject", Effect.DELETE, ref("s3:object", "b/x")), [("SEQ004", Kind.DATA_LOSS)]),
    ("many deletes, then a create", objects(MANY), change("s3:PutObject", Effect.UPDATE, ref("s3:object", "b/y")), []),
    ("messages taken off a queue", tuple(earlier(n, "sqs:DeleteMessage", Effect.DELETE, ref("sqs:queue", "q")) for n in range(90)),
     change("sqs:DeleteMessage", Effect.DELETE, ref("sqs:queue", "q")), []),
    ("items of a table", tuple(earlier(n, "dynamodb:DeleteItem", Effect.DELETE, TABLE) for n in range(MANY_INSIDE - 1)),
     change("dynamodb:DeleteItem", Effect.DELETE, TABLE), [("SEQ004", Kind.DATA_LOSS)]),
    ("two members", members(1), change("ecs:DeleteService", Effect.DELETE, ref("ecs:service", "web/x")), []),
    ("three members", members(2), change("ecs:DeleteService", Effect.DELETE, ref("ecs:service", "web/x")), [("SEQ005", Kind.OUTAGE)]),
    ("a bucket after its objects", objects(2), change("s3:DeleteBucket", Effect.DELETE, ref("s3:bucket", "b")), [("SEQ005", Kind.OUTAGE)]),
    ("a parent after its members", members(1), change("ecs:DeleteCluster", Effect.DELETE, ref("ecs:cluster", "web")), [("SEQ005", Kind.OUTAGE)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "now", "says"), ROWS, ids=[row[0] for row in ROWS])
def test_a_change_is_judged_beside_what_went_before(
    name: str, before: tuple[Earlier, ...], now: Change, says: list[tuple[str, Kind]]
) -> None:
    """Each finding names the earlier cases; what has nothing to do with them is left as it was."""
    findings = found(now, assessment(now.operations[0].floor), before)
    assert [(finding.code, finding.kind) for finding in findings] == says
    assert all(finding.evidence["cases"] for finding in findings)
    assert all("C-" in finding.message for finding in findings)


def test_it_raises_and_never_lowers() -> None:
    """A create that follows its delete is a replace, and no easier to take back than the worst of both."""
    now = change("dynamodb:CreateTable", Effect.CREATE, TABLE)
    before = assessment(Effect.CREATE)
    after = raised(before, found(now, before, (DELETED,)))
    assert (after.effect, after.reversibility) == (Effect.REPLACE, Reversibility.R3)
    assert raised(before, ()) is before


def test_the_other_half_of_a_reviewed_delete_is_noted() -> None:
    """What it would take away is gone by a person's decision: the create is what it is, and the record says what it follows."""
    now = change("dynamodb:CreateTable", Effect.CREATE, TABLE)
    before = assessment(Effect.CREATE)
    (finding,) = found(now, before, (REVIEWED,))
    after = raised(before, (finding,))
    assert (after.effect, after.reversibility) == (Effect.CREATE, Reversibility.R1)
    assert (
        finding.message
        == "dynamodb:table/orders was deleted earlier in this session, which a person let through (C-1): with this it is made anew, without what it held."
    )


def test_a_put_that_was_read_to_find_nothing_only_makes() -> None:
    """A put may write over what somebody made meanwhile, unless it was read that nothing stands."""
    now = change("events:PutRule", Effect.UPDATE, ref("events:rule", "nightly"))
    read = msgspec.structs.replace(assessment(Effect.UPDATE), makes=now.resources)
    assert [one.kind for one in found(now, read, (PUT_AWAY,))] == [Kind.NOTE]


def test_the_share_of_what_there_is_is_said() -> None:
    """Fifty of fifty thousand are not fifty of sixty."""
    before = tuple(earlier(n, "dynamodb:DeleteItem", Effect.DELETE, TABLE) for n in range(MANY_INSIDE))
    (finding,) = found(
        change("dynamodb:DeleteItem", Effect.DELETE, TABLE), assessment(Effect.DELETE), before, {TABLE: 102}
    )
    assert "51 deletes inside of dynamodb:table/orders" in finding.message
    assert "(50 %)" in finding.message


# --- the plane remembers -----------------------------------------------------------------------------------------------


def noted(plane: Plane, number: int, one: Change, phase: Phase, *findings: Finding) -> None:
    made = assessment(one.operations[0].floor, *findings)
    case = Case(id=f"C-{number}", phase=phase, change=one, assessment=made)
    plane.apply(r.Assessed(at_ms=1, assessment=made), case)


STEPS = {
    Phase.HELD: True, Phase.CONFIRMED: True, Phase.EXECUTING: True, Phase.UNCERTAIN: True, Phase.INCONCLUSIVE: True,
    Phase.DENIED: False, Phase.REJECTED: False, Phase.WITHDRAWN: False, Phase.EXPIRED: False, Phase.FAILED: False, Phase.RESTORED: False,
}  # fmt: skip


@pytest.mark.parametrize(("phase", "counts"), STEPS.items())
def test_what_took_effect_or_may_is_a_step(phase: Phase, counts: bool) -> None:
    """What was refused, taken back or given back has done nothing that anything could follow."""
    plane = Plane()
    noted(plane, 1, change("dynamodb:DeleteTable", Effect.DELETE, TABLE), phase)
    assert bool(plane.earlier("S-1", but="C-2")) is counts
    assert plane.earlier("S-1", but="C-1") == ()
    assert plane.earlier("S-2", but="") == ()


@pytest.mark.parametrize(
    ("phase", "held", "reviewed"),
    [
        (Phase.CONFIRMED, True, True),
        (Phase.EXECUTED, True, True),
        (Phase.VERIFYING, True, True),
        (Phase.CONFIRMED, False, False),  # policy let it through, and nobody looked
        (Phase.APPROVED, True, False),  # it has not gone yet
        (Phase.UNCERTAIN, True, False),
        (Phase.INCONCLUSIVE, True, False),
        (Phase.RESTORE_FAILED, True, False),  # what stands is not known
    ],
)
def test_reviewed_is_what_was_held_and_then_done(phase: Phase, held: bool, reviewed: bool) -> None:
    """Held and done means that a person let it through; a restart does not forget it."""
    plane, made = Plane(), assessment(Effect.DELETE)
    case = Case(
        id="C-1",
        phase=phase,
        change=change("dynamodb:DeleteTable", Effect.DELETE, TABLE),
        assessment=made,
        was_held=held,
    )
    plane.apply(r.Assessed(at_ms=1, assessment=made), case)
    seen = [
        one.reviewed
        for each in (plane, from_snapshot(snapshot(plane)))
        for one in each.earlier("S-1", but="")
    ]
    assert seen == [reviewed, reviewed]


def test_a_snapshot_keeps_what_was_found() -> None:
    """After a restart a guard that was taken off is still off."""
    strip = Finding("X", Kind.PROTECTION_STRIP, "", Effect.UPDATE, Reversibility.R1)
    plane = Plane()
    noted(plane, 1, change("dynamodb:UpdateTable", Effect.UPDATE, TABLE), Phase.CONFIRMED, strip)
    again = from_snapshot(snapshot(plane))
    assert again.earlier("S-1", but="") == plane.earlier("S-1", but="")
    assert again.earlier("S-1", but="")[0].kinds == {Kind.PROTECTION_STRIP}


def test_only_so_many_are_looked_back_on() -> None:
    """A session of any length costs the same."""
    plane = Plane()
    for number in range(REMEMBERED_MAX + 20):
        noted(
            plane,
            number + 1,
            change("s3:DeleteObject", Effect.DELETE, ref("s3:object", f"b/{number}")),
            Phase.CONFIRMED,
        )
    remembered = plane.earlier("S-1", but="")
    assert len(remembered) == REMEMBERED_MAX
    assert remembered[-1].case_id == f"C-{REMEMBERED_MAX + 20}"


def test_an_older_snapshot_has_found_nothing() -> None:
    """A plane written before findings were remembered is read as one without."""
    plane = Plane()
    noted(plane, 1, change("dynamodb:DeleteTable", Effect.DELETE, TABLE), Phase.HELD)
    body: dict[str, Any] = msgspec.json.decode(snapshot(plane))
    for known in body["known"]:
        known.pop("kinds")
    drop: Callable[[], Plane] = lambda: from_snapshot(msgspec.json.encode(body))  # noqa: E731  # one line reads better
    assert drop().earlier("S-1", but="")[0].kinds == frozenset()


def _loss(*resources: ResourceRef, kind: Kind = Kind.DATA_LOSS) -> Finding:
    return Finding("X001", kind, "gone", Effect.DELETE, Reversibility.R3, resources=resources)


BACKUP = ref("dynamodb:backup", "orders/backup/1")
SNAPSHOT_GONE = earlier(1, "dynamodb:DeleteBackup", Effect.DELETE, BACKUP, kinds=(Kind.BACKUP_STRIP,))


@pytest.mark.parametrize(
    ("before", "counts"),
    [
        ((SNAPSHOT_GONE,), True),
        ((earlier(1, "backup:DeleteRecoveryPoint", Effect.DELETE, ref("backup:point", "9"), kinds=(Kind.BACKUP_STRIP,)),), True),
        ((earlier(1, "rds:DeleteDBSnapshot", Effect.DELETE, ref("rds:snapshot", "s"), kinds=(Kind.BACKUP_STRIP,)),), False),
        ((earlier(1, "dynamodb:DeleteBackup", Effect.DELETE, BACKUP),), False),
    ],
    ids=["a backup of the service", "a recovery point", "of another service", "no undo material"],
)  # fmt: skip
def test_a_backup_that_went_before_is_no_way_back(before: tuple[Earlier, ...], counts: bool) -> None:
    """Data whose service has lost undo material in this session is gone for good, and the finding names the case."""
    asked = change("dynamodb:DeleteTable", Effect.DELETE, TABLE)
    held = [
        one for one in found(asked, assessment(Effect.DELETE, _loss(TABLE)), before) if one.code == "SEQ006"
    ]
    assert [(one.kind, one.reversibility) for one in held] == (
        [(Kind.BACKUP_STRIP, Reversibility.R4)] if counts else []
    )
    assert all("C-1" in one.message for one in held)


def test_a_backup_inside_of_the_same_change_does_not_count() -> None:
    """A table and its backup in one change: what it says of the way back is R4."""
    table = change("dynamodb:DeleteTable", Effect.DELETE, TABLE)
    both = msgspec.structs.replace(
        table,
        operations=(
            *table.operations,
            *change("dynamodb:DeleteBackup", Effect.DELETE, BACKUP).operations,
        ),
    )
    judged = assessment(Effect.DELETE, _loss(TABLE), _loss(BACKUP, kind=Kind.BACKUP_STRIP))
    (finding,) = found(both, judged, ())
    assert (finding.code, finding.resources) == ("SEQ006", (TABLE,))
    assert "by this very change" in finding.message
    assert raised(judged, [finding]).reversibility is Reversibility.R4
    assert not found(table, assessment(Effect.DELETE, _loss(TABLE)), ())


OWN: dict[str, tuple[Earlier, Change, dict[str, Any], bool]] = {
    "what it made": (its_own(TABLE), change("dynamodb:UpdateTable", Effect.UPDATE, TABLE), {}, True),
    "two that it made": (its_own(TABLE, OTHER), change("x:Set", Effect.UPDATE, TABLE, OTHER), {}, True),
    "one that it did not make": (its_own(TABLE), change("x:Set", Effect.UPDATE, TABLE, OTHER), {}, False),
    "what may have stood before": (
        earlier(1, "sqs:CreateQueue", Effect.CREATE, TABLE, done=True),
        change("x:Set", Effect.UPDATE, TABLE),
        {},
        False,
    ),
    "what is not made yet": (its_own(TABLE, done=False), change("x:Set", Effect.UPDATE, TABLE), {}, False),
    "with data in it": (its_own(TABLE), change("x:Set", Effect.UPDATE, TABLE), {"data_at_risk": "1 item"}, False),
    "of which something is unknown": (its_own(TABLE), change("x:Set", Effect.UPDATE, TABLE), {"unknowns": ("?",)}, False),
    "which another thing uses": (its_own(TABLE), change("x:Set", Effect.UPDATE, TABLE), {"blast_radius": (Dependent(OTHER, "reads", TABLE),)}, False),
    "which a thing of its own uses": (its_own(TABLE, OTHER), change("x:Set", Effect.UPDATE, TABLE), {"blast_radius": (Dependent(OTHER, "reads", TABLE),)}, True),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_what_a_session_made_is_its_own(name: str) -> None:
    """Where it certainly stood nowhere before, holds no data, and nobody else is known to use it."""
    before, asked, more, own = OWN[name]
    judged = msgspec.structs.replace(assessment(Effect.UPDATE), **more)
    codes = [one.code for one in found(asked, judged, (before,))]
    assert ("SEQ007" in codes) is own

"""Rehearsals under way: opened with a twin of their own, ended with a plan."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import Final, TypeVar

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.core.rehearsing import Ids
from keyturn.core.routing import UNDECIDED
from keyturn.errors import KeyturnError, OperatorError, ReviewError
from keyturn.executors import reading
from keyturn.executors.aws import AwsExecutor
from keyturn.executors.interface import NotSentError
from keyturn.model.change import READ_EFFECTS, Operation, Request, ResourceRef
from keyturn.model.rehearsal import Made, Plan, Record
from keyturn.providers.aws import catalogue, copying
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.radius import tables
from keyturn.providers.aws.radius.survey import Budget, Survey
from keyturn.providers.aws.resources import Home, from_arn, is_arn, resources_of
from keyturn.rehearsing.copier import LISTED_MAX, Copier
from keyturn.rehearsing.first import Place
from keyturn.rehearsing.gate import RehearsalGate
from keyturn.rehearsing.twin import Twin
from keyturn.runtime import Runtime
from keyturn.runtime.interface import RehearsalEnded, RehearsalOpened, SessionKey
from keyturn.surfaces.aws_gateway import Gateway, GatewayConfig
from keyturn.surfaces.aws_gateway import serve as serve_gateway

T = TypeVar("T")

AT_ONCE_MAX: Final = 4
"""Twins of one process: each is a process of some 150 MB."""

DECIDE_S_MAX: Final = 60.0
"""Who asked is told how it was decided; what takes longer is told by `keyturn show`."""

LISTING_READS_MAX: Final = 60
"""Calls that one listing may take live."""

NEVER_SEEN: Final = (
    "permissions: nobody's are checked in the twin, and AWS may refuse live what went through there",
    "time: what takes AWS minutes is done at once there, and nothing is eventually consistent",
    "quotas, and names that are taken in other accounts",
    "what a change sets off: functions, pipelines, scaling, alarms",
    "what others do meanwhile: a step that meets something else than was rehearsed is not made",
)
"""What no rehearsal sees, whatever is in it."""


class Rehearsals:
    """See `runtime.interface.Rehearser`."""

    def __init__(self, runtime: Runtime, executor: AwsExecutor, place: Place) -> None:
        self._runtime, self._executor, self._place = runtime, executor, place
        self._open: dict[str, Rehearsal] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}

    async def open(self, *, by: str, agent: str, ttl_s: int, scope: tuple[str, ...] = ()) -> RehearsalOpened:
        if not self._place.alone:
            raise OperatorError(
                "several-processes",
                "a twin is one process's own, and several answer here",
                help="rehearse on a plane that was started without --workers",
            )
        home = Home(self._place.partition, self._place.account, self._place.region)
        refs = tuple(scoped(text, home) for text in scope)
        if len(self._open) >= AT_ONCE_MAX:
            raise OperatorError(
                "no-room", f"{AT_ONCE_MAX} rehearsals are under way", help="wait for one to end"
            )
        key = await self._runtime.open_session(operator=by, agent=agent, ttl_s=ttl_s)
        rehearsal = Rehearsal(self._runtime, self._executor, self._place, key)
        self._open[key.session] = rehearsal
        self._ends(key.session, ttl_s)
        try:
            await rehearsal.start()
            await rehearsal.copier.ensure(refs)
        except BaseException:
            await self._close(key.session)
            raise
        return RehearsalOpened(
            id=key.session,
            endpoint_url=rehearsal.url,
            access_key_id=rehearsal.gate.key.access_key_id,
            secret_access_key=rehearsal.gate.key.secret,
            region=self._place.region,
            expires_at_ms=key.expires_at_ms,
        )

    async def end(self, rehearsal: str, *, by: str, hold: bool, intent: str = "") -> RehearsalEnded:
        found = self._open.get(rehearsal)
        if found is None or found.key.operator != by:
            raise OperatorError(
                "no-rehearsal", f"there is no rehearsal {rehearsal} of yours under way", help="begin another"
            )
        await self._close(rehearsal)
        plan, record = found.plan()
        if not hold:
            return RehearsalEnded(plan)
        if plan.obstacles or not plan.steps:
            why = plan.obstacles[0] if plan.obstacles else "nothing was changed"
            return RehearsalEnded(plan, not_held=why)
        try:
            case = await self._runtime.hold_rehearsed(plan, record, intent=intent)
        except ReviewError as error:
            return RehearsalEnded(plan, not_held=error.message)
        decided = await self._runtime.book.until(
            case, lambda one: one.phase not in UNDECIDED, timeout_s=DECIDE_S_MAX
        )
        if decided.assessment is not None and decided.assessment.rehearsed:
            plan = msgspec.structs.replace(plan, steps=decided.assessment.rehearsed)  # as reviewers see them
        return RehearsalEnded(plan, case=case)

    async def close(self) -> None:
        for name in tuple(self._open):
            await self._close(name)

    def _ends(self, name: str, ttl_s: int) -> None:
        """Whoever ran the command may never come back: its twin goes with its time."""

        async def over() -> None:
            await asyncio.sleep(ttl_s)
            await self._close(name)

        self._ending[name] = asyncio.create_task(over(), name=f"keyturn-rehearsal-{name}")

    async def _close(self, name: str) -> None:
        found = self._open.pop(name, None)
        if found is None:
            return
        ending = self._ending.pop(name, None)
        if ending is not None and ending is not asyncio.current_task():
            ending.cancel()
        await found.stop()
        with contextlib.suppress(KeyturnError):
            await self._runtime.end_session(name, by=found.key.operator, reason="the rehearsal ended")


class Rehearsal:
    """One command's twin, with the gateway in front of it."""

    def __init__(self, runtime: Runtime, executor: AwsExecutor, place: Place, key: SessionKey) -> None:
        self._runtime, self._executor, self._place, self.key = runtime, executor, place, key
        self._tags = {
            "agent": key.agent,
            "session": key.session,
            "operator": key.operator,
            "case": "rehearsal",
        }
        self._listed: dict[str, str] = {}
        ids = self._ids = Ids()
        provider = runtime.work.providers["aws"]
        self.gate = RehearsalGate(runtime, provider, self._live, key, runtime.clock, ids)
        self.twin = self.gate.twin = Twin(
            account=place.account,
            partition=place.partition,
            region=place.region,
            before=self._before,
            heard=self._heard,
        )
        self.copier = self.gate.copier = Copier(self._live, self.twin, ids)
        self._gateway: Gateway | None = None

    @property
    def url(self) -> str:
        return f"http://{self._place.host}:{self._gateway.port if self._gateway else 0}"

    async def start(self) -> None:
        """The gateway listens when this returns. Raises `OperatorError`."""
        await self.twin.start()
        self._gateway = await serve_gateway(
            self.gate,
            self.twin.executor,
            GatewayConfig(self._place.host, 0, self._place.account, self._place.partition),
        )

    async def stop(self) -> None:
        if self._gateway is not None:
            await self._gateway.close()
        await self.twin.stop()

    async def _live(self, inquiry: Inquiry[T], /) -> T:
        """Read live, under the read-only role and within its budget."""
        return await self._runtime.work.asker.drive(inquiry, tags=self._tags)

    # --- what goes to the twin ---------------------------------------------------------------------------------------

    async def _before(self, request: Request) -> None:
        """What a request names is in the twin before it gets there; of a listing, what stands live."""
        service, _, action = request.operation.partition(":")
        home = Home(self._place.partition, self._place.account, request.region)
        self._ids.named(msgspec.json.encode(request.parameters, enc_hook=str).decode())
        refs = resources_of(service, action, request.parameters, home)
        await self.copier.ensure((*refs, *copying.mentioned(request.parameters, home)))
        if catalogue.lookup(service, action).effect in READ_EFFECTS and all(ref.id == "*" for ref in refs):
            await self._list(request.operation, home)

    async def _list(self, operation: str, home: Home) -> None:
        if operation in self._listed:
            return
        self._listed[operation] = f"{operation} tells of what was copied alone"
        kinds = [kind for kind, one in tables.LISTINGS.items() if one.operation == operation and not one.per]
        kinds = [kind for kind in kinds if copying.makes(kind)]
        if not kinds:
            return
        survey = Survey(home, Budget(LISTING_READS_MAX))
        try:
            items = await self._live(survey.read(kinds))
        except Exception as error:  # noqa: BLE001  # what was not read is said, and the command goes on with less
            self._listed[operation] += f": it could not be read live ({type(error).__name__})"
            return
        refs = tuple(dict.fromkeys(item.ref for item in items))
        await self.copier.ensure(refs[:LISTED_MAX])
        if len(refs) > LISTED_MAX:
            self._listed[operation] = f"{operation} told of {LISTED_MAX} of {len(refs):,} that stand live"
        elif not any(one.why for one in survey.looked.values()):
            self._listed[operation] = ""

    def _heard(self, request: Request, data: bytes) -> None:
        service, _, action = request.operation.partition(":")
        if catalogue.lookup(service, action).effect in READ_EFFECTS:
            self._ids.answered(data.decode("utf-8", "replace"))

    # --- what it comes to --------------------------------------------------------------------------------------------

    def plan(self) -> tuple[Plan, Record]:
        """The plan, and what a replay of it is proved against."""
        obstacles = dict(self.gate.obstacles)
        made: list[Made] = []
        operations: list[Operation] = []
        for number, (one, operation) in enumerate(zip(self.gate.made, self.gate.operations, strict=True)):
            try:
                request = self._as_live(one.request)
            except NotSentError as error:
                obstacles[f"step {number + 1}, {operation.name}: {error.message}"] = None
                continue
            made.append(msgspec.structs.replace(one, request=request))
            made_live = self._operation(request, one, operation)
            operations.append(msgspec.structs.replace(made_live, resources=operation.resources))
        if self.copier.too_many:
            obstacles["it touches more resources than a rehearsal copies"] = None
        plan = Plan(
            id=self.key.session,
            agent=self.key.agent,
            operator=self.key.operator,
            steps=tuple(one.shown for one in made),
            operations=tuple(operations),
            bindings=tuple(self.gate.bindings),
            copied=tuple(self.copier.copied),
            refused=tuple(self.gate.refused),
            unseen=(*self._unseen(), *NEVER_SEEN),
            obstacles=tuple(obstacles),
        )
        return plan, Record(base=self.copier.base, refs=self.copier.refs, steps=tuple(made))

    def _as_live(self, request: Request) -> Request:
        """With the live endpoint where an address of the twin's stands in it: a queue's URL."""
        here = self.twin.endpoint
        if here not in msgspec.json.encode(request.parameters, enc_hook=str).decode():
            return request
        return reading.rewritten(request, {here: self._executor.endpoint(request.service, request.region)})

    def _operation(self, request: Request, made: Made, seen: Operation) -> Operation:
        service, _, action = request.operation.partition(":")
        return operation_from(
            service,
            action,
            request.parameters,
            home=Home(seen.partition, seen.account, seen.region),
            seal=self._runtime.seal,
            payload_sha256=hashlib.sha256(made.body).hexdigest() if made.body is not None else None,
        )

    def _unseen(self) -> list[str]:
        """What this one did not see."""
        said = [f"{operation}: the twin does not have it" for operation in self.gate.missing]
        said += [text for text in self._listed.values() if text]
        for one in self.copier.copied:
            if not one.made:
                said.append(f"{one.resource} is not in the twin: {one.why}")
            elif one.unlike:
                said.append(f"{one.resource} is otherwise in the twin: {', '.join(one.unlike)}")
        without: dict[str, list[str]] = {}
        for one in self.copier.copied:
            if one.made and one.without:
                without.setdefault(one.without, []).append(str(one.resource))
        said += [f"{', '.join(names)}: without {what}" for what, names in without.items()]
        return said


def scoped(text: str, home: Home) -> ResourceRef:
    """What ``--scope`` names: an ARN, or ``service:type/id``. Raises `OperatorError`."""
    if is_arn(text):
        return from_arn(text, home)
    kind, slash, name = text.partition("/")
    if not slash or not name or kind.count(":") != 1:
        raise OperatorError(
            "scope",
            f"{text!r} names no resource",
            help="write an ARN, or service:type/name: dynamodb:table/orders",
        )
    return home.ref(kind, name)

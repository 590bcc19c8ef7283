"""The walk: from what a change takes away to who names it, and on to who names those, a level at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from keyturn.core.ports import Assessing, Inquiry
from keyturn.model.assessment import Assessment, Kind
from keyturn.model.change import Change, Effect, Operation, ResourceRef
from keyturn.model.radius import Coverage, Fate, Link, Looked, Node, Radius
from keyturn.model.words import counted
from keyturn.providers.aws import recipes
from keyturn.providers.aws.capturing import INSIDE, OBJECTS
from keyturn.providers.aws.radius import capacity, evidence, tables
from keyturn.providers.aws.radius.listing import Flow
from keyturn.providers.aws.radius.mentions import Index
from keyturn.providers.aws.radius.survey import Budget, Survey, key_of
from keyturn.providers.aws.resources import Home

DEPTH_MAX: Final = 4
"""References from what goes. A record, its balancer, the listener, the group, the instance: who stands further off is told by them."""

NODES_MAX: Final = 250
"""Of one radius. More is not read by anybody, and is said to be more."""

HOMES_MAX: Final = 2
"""Accounts and regions that one change is walked in."""

ALONG: Final = frozenset({"is deleted with", "is snapshot and deleted with"})
"""Relations by which a member goes with what it is a member of."""

KEPT_RUNNING: Final = "is kept running by"
"""An instance and its Auto Scaling group: it goes with the group, not with a setting of it."""

CAPTURE: Final = "the capture"

_OTHER: Final = {Flow.FROM: Flow.TO, Flow.TO: Flow.FROM}

_DESTROYS: Final = frozenset({Effect.DELETE, Effect.REPLACE})


def walks(change: Change, assessment: Assessment) -> bool:
    """Whether it is worth the reads: something goes, stops serving or serves with less; single items in a table are no such thing."""
    return not change.undoes and bool(taken_away(change, assessment))


def taken_away(change: Change, assessment: Assessment) -> dict[ResourceRef, Fate]:
    """What the change takes away, or its service: what relies on these is the radius."""
    found: dict[ResourceRef, Fate] = {}
    for operation in change.operations:
        if operation.name in INSIDE or not (_destroys(operation, assessment) or capacity.touches(operation)):
            continue
        for ref in operation.resources:
            if ref.kind not in OBJECTS and ref.id != "*":
                found[ref] = Fate.GOES
    groups = {
        ref
        for one in change.operations
        if one.name == "autoscaling:DeleteAutoScalingGroup"
        for ref in one.resources
    }
    for edge in assessment.blast_radius:
        if edge.on in found and (
            edge.relation in ALONG or (edge.relation == KEPT_RUNNING and edge.on in groups)
        ):
            found.setdefault(edge.resource, Fate.ALONG)
    return found


def _destroys(operation: Operation, assessment: Assessment) -> bool:
    recipe = recipes.for_kind(operation.resources[0].kind)
    if operation.floor in _DESTROYS or (recipe is not None and operation.name in recipe.deletes):
        return True
    return any(
        set(finding.resources) & set(operation.resources) or not finding.resources
        for finding in assessment.findings
        if finding.effect in _DESTROYS or finding.kind is Kind.OUTAGE
    )


class _Walk:
    """One home's nodes and links, as far as they were found.

    A node is *broken* where it names what goes, and then whoever names it is, too. It is *starved* where only what led to it goes: a
    function that nobody calls any more still answers everybody else.
    """

    def __init__(self, home: Home, budget: Budget) -> None:
        self.survey, self.index = Survey(home, budget), Index(home)
        self.nodes: dict[str, Node] = {}
        self.links: dict[tuple[str, str], Link] = {}
        self.broken: set[str] = set()
        self.entered: dict[str, set[Flow]] = {}  # by which end of it a conduit was met
        self.cut: list[str] = []

    def from_(self, gone: dict[ResourceRef, Fate], assessment: Assessment) -> Inquiry[None]:
        for ref, fate in gone.items():
            self.nodes[key_of(ref)] = Node(ref, fate, 0)
            self.broken.add(key_of(ref))
        frontier = list(gone)
        for edge in assessment.blast_radius:  # met by a capture; whether it is followed, the listings say
            if edge.on in gone and self._met(edge.resource, 1, Flow.NONE, broken=False):
                frontier.append(edge.resource)
            self._link(Link(edge.resource, edge.relation, edge.on, CAPTURE))
        for _ in range(DEPTH_MAX):
            reached: dict[str, ResourceRef] = {}
            while frontier:
                kinds = {one.kind for ref in frontier for one in tables.referring(ref.kind)}
                self.index.add((yield from self.survey.read(kinds | {ref.kind for ref in frontier})))
                met = [one for ref in frontier for one in self._step(ref, self.nodes[key_of(ref)].depth + 1)]
                reached |= {key_of(one): one for one in met}
                frontier = [one for one in met if self.nodes[key_of(one)].fate is Fate.ALONG]
            frontier = [one for key, one in reached.items() if self.nodes[key].fate is Fate.RELIES]
            if not frontier:
                return
        if any(self._goes_on(ref) for ref in frontier):
            self.cut.append(f"it was followed for {DEPTH_MAX} steps, and goes on")

    def _goes_on(self, ref: ResourceRef) -> bool:
        found = self.index.naming(ref, self.survey.item(ref))
        return key_of(ref) in self.broken and any(key_of(one.holder) not in self.nodes for one in found)

    def _step(self, ref: ResourceRef, depth: int) -> Iterator[ResourceRef]:
        """Who relies on this one, and was not met before or only as starved."""
        key = key_of(ref)
        broken, goes = key in self.broken, self.nodes[key].fate is not Fate.RELIES
        for mention in self.index.naming(ref, self.survey.item(ref)):
            if not broken and mention.flow is not Flow.FROM:
                continue
            fate = Fate.ALONG if goes and mention.along else Fate.RELIES
            if self._met(mention.holder, depth, mention.flow, broken=broken and not mention.ends, fate=fate):
                yield self.nodes[key_of(mention.holder)].resource
            self._link(Link(mention.holder, mention.relation, ref, mention.seen))
        other = {_OTHER.get(flow) for flow in self.entered.get(key, ())}
        for mention in self.index.led_by(ref):
            if not goes and mention.flow not in other:
                continue
            if self._met(mention.named, depth, Flow.NONE, broken=False):
                yield self.nodes[key_of(mention.named)].resource
            self._link(Link(mention.named, mention.back, ref, mention.seen))

    def _met(
        self, ref: ResourceRef, depth: int, flow: Flow, *, broken: bool, fate: Fate = Fate.RELIES
    ) -> bool:
        """Whether it has to be followed: it is new, or is broken and was thought only to starve."""
        key = key_of(ref)
        if key not in self.nodes and len(self.nodes) >= NODES_MAX:
            if f"there are more than {NODES_MAX} resources in it" not in self.cut:
                self.cut.append(f"there are more than {NODES_MAX} resources in it")
            return False
        self.entered.setdefault(key, set()).add(flow)
        new = key not in self.nodes
        if new:
            self.nodes[key] = Node(ref, fate, 0 if fate is Fate.ALONG else depth)
        along = fate is Fate.ALONG and self.nodes[key].fate is Fate.RELIES
        if along:
            self.nodes[key] = msgspec.structs.replace(self.nodes[key], fate=fate, depth=0)
        worse = broken and key not in self.broken
        if worse:
            self.broken.add(key)
        return new or worse or along

    def _link(self, link: Link) -> None:
        """One a pair, in the direction in which it was met first; what a table has words for before what it has none for."""
        one, other = key_of(link.resource), key_of(link.on)
        if one not in self.nodes or other not in self.nodes or one == other or (other, one) in self.links:
            return
        earlier = self.links.get((one, other))
        if earlier is None or earlier.seen == CAPTURE or earlier.relation.startswith("names it in"):
            self.links[one, other] = msgspec.structs.replace(
                link, resource=self.nodes[one].resource, on=self.nodes[other].resource
            )


def walk(change: Change, assessing: Assessing, *, at_ms: int) -> Inquiry[Radius]:
    """What relies on what goes, with evidence, shares and floors. Reads only; what was not read stands in `looked` and `cut`."""
    gone = taken_away(change, assessing.assessment)
    budget = Budget()
    destroyed = {
        ref for one in change.operations if _destroys(one, assessing.assessment) for ref in one.resources
    }
    homes: dict[Home, dict[ResourceRef, Fate]] = {}
    base = change.operations[0]
    for ref, fate in gone.items():
        region = base.region if ref.kind.partition(":")[0] in tables.GLOBAL else ref.region
        homes.setdefault(Home(ref.partition, ref.account, region), {})[ref] = fate
    cut = (
        [f"only {HOMES_MAX} of {len(homes)} accounts and regions were looked at"]
        if len(homes) > HOMES_MAX
        else []
    )
    nodes: dict[str, Node] = {}
    links: list[Link] = []
    looked: dict[str, Looked] = {}
    shares, capacities = [], []
    for home, here in list(homes.items())[:HOMES_MAX]:
        one = _Walk(home, budget)
        yield from one.from_(here, assessing.assessment)
        yield from one.survey.read(capacity.groups_of(here))
        told = yield from evidence.told(list(one.nodes.values()), one.survey, at_ms=at_ms)
        nodes |= {key_of(node.resource): node for node in told}
        links += one.links.values()
        looked |= one.survey.looked
        cut += one.cut
        lost = [ref for ref in here if ref in destroyed or here[ref] is Fate.ALONG]
        shares += capacity.shares(change, lost, one.survey)
        capacities += capacity.floors(change, here, one.survey)
    return Radius(
        nodes=tuple(nodes.values()),
        links=tuple(links),
        looked=tuple(looked[kind] for kind in sorted(looked)) + _unsupported(gone),
        shares=tuple(shares),
        capacities=tuple(capacities),
        cut=tuple(dict.fromkeys(cut)),
        reads=budget.used,
    )


NAMED_MAX: Final = 6
"""Types that are said by name; the reference has all of them."""


def _unsupported(gone: dict[ResourceRef, Fate]) -> tuple[Looked, ...]:
    """For each kind that goes, the types that could name it and are not read; a kind that has no listing says that of itself."""
    found = []
    for kind in sorted({ref.kind for ref in gone}):
        if kind not in tables.LISTINGS:
            found.append(
                Looked(
                    kind,
                    Coverage.UNSUPPORTED,
                    0,
                    "nothing here lists its kind, so others of it were not looked at",
                )
            )
        others = tables.unsupported(kind)
        if others:
            more = f" and {len(others) - NAMED_MAX} more" if len(others) > NAMED_MAX else ""
            why = f"types that could name a {kind}, and are not read: {', '.join(others[:NAMED_MAX])}{more}"
            found.append(
                Looked(
                    counted(len(others), "further type"),
                    Coverage.UNSUPPORTED,
                    len(others),
                    why,
                )
            )
    return tuple(found)

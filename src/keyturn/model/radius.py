"""The blast radius as a value: what a change takes away, who relies on that, who relies on those, and how far anybody looked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from keyturn.model.change import ResourceRef


class Fate(StrEnum):
    """What becomes of a node."""

    GOES = "goes"  # the change takes it away, or its service
    ALONG = "goes along"  # it is a member of what goes
    RELIES = "relies"  # it stands, and refers to something that does not


class Coverage(StrEnum):
    """How far one kind of resource was looked through for who relies on what goes."""

    MAPPED = "mapped"
    UNSUPPORTED = "unsupported"  # by its type it could refer to it, and nothing here reads that type
    NOT_ENOUGH = "not enough information"  # it should have been read, and was not, or not whole


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """One resource of the radius. `depth` counts references from what goes: 0 is what the change names."""

    resource: ResourceRef
    fate: Fate
    depth: int
    environment: str = ""  # as its tags say; empty: they say nothing, or were not read
    owner: str = ""
    use: str = ""  # evidence of use in words, with its time span
    used: bool | None = None  # None: nothing tells
    reached: bool = False  # the credential of this change could touch it


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """`resource` relies on `on`; `seen` says in which answer, at which place."""

    resource: ResourceRef
    relation: str
    on: ResourceRef
    seen: str = ""


class Looked(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far one kind was looked through; `count` resources were read."""

    kind: str
    coverage: Coverage
    count: int = 0
    why: str = ""


class Share(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much of a population the change takes: six of the eight instances of a group. `population` None: it was not counted."""

    of: str  # the population in words
    kind: str
    taken: int
    population: int | None = None

    @property
    def percent(self) -> int:
        """Rounded up, so that a part is never nothing; 100 where the population is not known."""
        if self.population is None or self.population < self.taken:
            return 100
        return -(-self.taken * 100 // self.population) if self.population else 0


class Capacity(msgspec.Struct, frozen=True, omit_defaults=True):
    """What serves behind one balancer, group or service now, and what would be left. None: it could not be read."""

    of: ResourceRef
    unit: str  # "healthy targets", "instances in service", "running tasks"
    serving: int | None
    left: int | None

    @property
    def percent(self) -> int:
        """Of what serves now, rounded down; 0 where it is not known, 100 where nothing serves."""
        if self.serving is None or self.left is None:
            return 0
        return min(100, self.left * 100 // self.serving) if self.serving > 0 else 100


class Reach(msgspec.Struct, frozen=True, omit_defaults=True):
    """The credential that this change would get, beside what it touches. `narrowed` false: it reaches further, and `why`."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]  # ARNs, with IAM's wildcards
    narrowed: bool
    why: str = ""


class Radius(msgspec.Struct, frozen=True, omit_defaults=True):
    """What relies on what the change takes away. Nothing in it is a promise about what was not looked through: see `looked`."""

    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()
    looked: tuple[Looked, ...] = ()
    shares: tuple[Share, ...] = ()
    capacities: tuple[Capacity, ...] = ()
    reach: Reach | None = None
    cut: tuple[str, ...] = ()  # limits that were met, in words
    reads: int = 0  # calls that it took, cached ones included

    @property
    def dependents(self) -> tuple[Node, ...]:
        """What relies on it, at any depth."""
        return tuple(node for node in self.nodes if node.fate is Fate.RELIES)

    @property
    def whole(self) -> bool:
        """Whether everything that Keyturn knows how to look through was read, as far as the walk goes."""
        return not self.cut and all(one.coverage is not Coverage.NOT_ENOUGH for one in self.looked)

    def by_environment(self) -> dict[str, int]:
        """How many dependents are in which environment; ``not said`` where no tag tells."""
        return _counted(node.environment for node in self.dependents)

    def by_owner(self) -> dict[str, int]:
        """How many dependents belong to whom; ``not said`` where no tag tells."""
        return _counted(node.owner for node in self.dependents)


def _counted(words: Iterable[str]) -> dict[str, int]:
    counted = Counter(word or "not said" for word in words)
    return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))

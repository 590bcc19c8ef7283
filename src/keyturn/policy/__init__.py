"""Policy: may this be done, by whom, and what must hold first. Cedar behind the `PolicyEngine` port.

engine = load(["seatbelt", Path("policies")])
decision = engine.answer(change, assessment, facts)
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources.abc import Traversable

from keyturn.policy.cedar import CedarEngine
from keyturn.policy.checks import Operations, check
from keyturn.policy.source import Source, parse, read_pack, shipped_packs

__all__ = ["CedarEngine", "Source", "load", "load_sources", "shipped_packs"]


def load(packs: Iterable[str | Traversable], *, known: Operations | None = None) -> CedarEngine:
    """The engine over `packs`, checked: shipped packs by name, a team's own as a `pathlib.Path` to a folder or file.

    With `known` (the catalogue) a service or operation that AWS does not have is refused as a typing error.
    Raises `PolicyError`, which names the file, the policy, what is wrong and what to write instead.
    """
    return load_sources((source for pack in packs for source in read_pack(pack)), known=known)


def load_sources(sources: Iterable[Source], *, known: Operations | None = None) -> CedarEngine:
    """As `load`, over texts."""
    sources = tuple(sources)
    engine = CedarEngine(parse(sources), sources)
    check(engine, known)
    engine.forget()
    return engine

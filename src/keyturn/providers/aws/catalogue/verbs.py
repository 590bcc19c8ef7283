"""What verbs of operation names mean. Verbs are counsel, never proof: what reads needs a second source (`classify`)."""

from __future__ import annotations

from typing import Final

READS: Final = frozenset(
    [
        "get",
        "list",
        "describe",
        "search",
        "lookup",
        "query",
        "scan",
        "check",
        "head",
        "preview",
        "estimate",
        "validate",
        "view",
        "select",
        "filter",
        "discover",
        "simulate",
        "evaluate",
        "show",
        "count",
        "read",
        "fetch",
        "download",
        "is",
        "has",
        "retrieve",
    ]
)
"""Verbs that look, and make a read believable beside a stronger source."""

PLAIN_READS: Final = frozenset({"get", "list", "describe", "search"})
"""The four that AWS uses for little else; only with these may a verb and a documentation speak for a read by themselves."""

LISTS: Final = frozenset({"list", "search", "scan", "query", "lookup", "discover"})

OUTER: Final = frozenset({"batch", "admin", "bulk"})
"""First words that say how, not what: the second word is the verb (BatchGetItem, AdminGetUser)."""

_WORDS: Final = {
    "delete": "delete remove terminate purge destroy drop deregister unregister cancel disassociate dissociate detach unlink"
    " release deprovision empty erase wipe expire abort unsubscribe discard redact leave close forget unpeer undeploy evict"
    " dispose revoke clear flush invalidate disallow unassociate",
    "create": "create register import allocate provision issue subscribe copy clone restore request purchase submit generate"
    " launch insert upload initiate define setup claim reserve open replicate invite bundle order ingest link export write"
    " compose peer",
    "update": "update modify set change enable disable rename move edit configure adjust increase decrease upgrade activate"
    " deactivate accept reject decline complete assign unassign merge refresh renew rotate sync synchronize transfer migrate"
    " confirm resize extend approve acknowledge mark lock unlock split convert populate save swap report record label unlabel"
    " group ungroup monitor unmonitor opt manage override advertise withdraw amend reorder drain finalize commit begin put"
    " add associate attach promote replace reset archive unarchive deprecate undeprecate dismiss join resolve suspend"
    " unsuspend initialize index optimize reimport respond allow deny share unshare distribute receive poll vote demote"
    " encrypt checkout checkin toggle end enter exit prepare redeem apply authorize deauthorize grant reinstate recall",
    "execute": "start stop invoke run execute reboot restart failover switchover trigger deploy rerun retry resume pause"
    " rollback send publish post notify test signal resend connect disconnect converse chat perform replay redrive continue"
    " checkpoint sample rebuild rebalance reload resync restart shutdown build schedule install verify sign translate predict"
    " infer detect recognize analyze synthesize render evaluate rescore call dial transcribe backtrack probe",
}

KINDS: Final[dict[str, str]] = {verb: kind for kind, verbs in _WORDS.items() for verb in verbs.split()}
"""Verb -> what an operation of that name does, if it does not read."""

_SPOKEN: Final = {
    "create": "creates adds registers allocates provisions imports copies generates restores requests purchases uploads"
    " initiates submits",
    "delete": "deletes removes terminates deregisters cancels disassociates detaches revokes releases purges",
    "update": "updates modifies changes sets enables disables associates attaches puts configures replaces accepts rejects"
    " assigns resets activates deactivates confirms rotates completes promotes",
    "execute": "starts stops sends publishes invokes runs executes reboots restarts triggers pauses resumes",
}

SPOKEN: Final[dict[str, str]] = {verb: kind for kind, verbs in _SPOKEN.items() for verb in verbs.split()}
"""First word of a documentation -> what it says the operation does."""

SPOKEN_READS: Final = frozenset(
    [
        "gets",
        "lists",
        "describes",
        "returns",
        "retrieves",
        "searches",
        "displays",
        "provides",
        "shows",
        "fetches",
        "finds",
        "queries",
        "obtains",
    ]
)

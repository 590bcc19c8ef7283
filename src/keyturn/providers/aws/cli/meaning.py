"""What a command line means: operations with parameters, and what could not be known of them."""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.model.assessment import Kind
from keyturn.model.change import Effect


class Remark(msgspec.Struct, frozen=True):
    """Something that is true of a command and of no single operation: a finding in the making."""

    code: str
    kind: Kind
    message: str
    effect: Effect


class Meant(msgspec.Struct, frozen=True):
    """One operation that a command performs. `floor` is given where the CLI makes more of it than the operation's name says."""

    service: str
    operation: str
    parameters: dict[str, Any] = {}
    unknown: tuple[str, ...] = ()  # of its parameters
    region: str = ""
    floor: Effect | None = None
    remarks: tuple[Remark, ...] = ()


class Resolved(msgspec.Struct, frozen=True):
    """Everything a line would do on AWS. `why` is said where it is not known to be anything: then it is no read."""

    meant: tuple[Meant, ...] = ()
    spelled: tuple[str, ...] = ()  # "rds delete-db-instance", of each command
    unknowns: tuple[str, ...] = ()
    why: str = ""

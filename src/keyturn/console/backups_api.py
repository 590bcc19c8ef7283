"""Backups over the API: which stand, those of a case with their runbooks, dropped, and taken out to be used with Keyturn gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from keyturn.console import show
from keyturn.console.bodies import read_body
from keyturn.console.identity import User
from keyturn.core.case import Retired
from keyturn.errors import ReviewError
from keyturn.model.execution import Backup, Upkeep
from keyturn.runtime.interface import Desk, OnShelf, VaultLooked


class DropBody(msgspec.Struct, frozen=True):
    """Why it is no longer needed: it stands on record beside the name."""

    reason: str = ""


class WithRunbook(Backup, frozen=True, kw_only=True):
    """`runbook` is the plain commands that restore it with Keyturn gone; `upkeep` is what keeping it costs, estimated."""

    upkeep: Upkeep
    runbook: str


class Backups(msgspec.Struct, frozen=True):
    """The backups of a case that stand, and what of them was retired."""

    backups: tuple[WithRunbook, ...]
    retired: tuple[Retired, ...]


class Shelf(msgspec.Struct, frozen=True):
    backups: tuple[OnShelf, ...]


class VaultAccount(msgspec.Struct, frozen=True):
    """`vault`: the vault account as it was found just now; null where none is configured."""

    vault: VaultLooked | None


class BackupsApi:
    """The handlers; `console.api` has their routes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> tuple[tuple[str, str, Callable[[Request, User], Awaitable[Response]]], ...]:
        return (
            ("GET", "/api/v1/backups", self.shelf),
            ("GET", "/api/v1/vault", self.vault),
            ("GET", "/api/v1/cases/{id}/backups", self.of_case),
            ("POST", "/api/v1/cases/{id}/backups/drop", self.drop),
            ("POST", "/api/v1/cases/{id}/backups/export", self.export),
        )

    async def shelf(self, request: Request, user: User) -> Response:
        return JSONResponse({"backups": msgspec.to_builtins(self._desk.shelf())})

    async def vault(self, request: Request, user: User) -> Response:
        looked = await self._desk.look_at_vault()
        return JSONResponse({"vault": msgspec.to_builtins(looked)})

    async def of_case(self, request: Request, user: User) -> Response:
        """The case's backups, each with the runbook that restores it without Keyturn, and those that were retired."""
        case = self._desk.case(request.path_params["id"])
        if case is None:
            raise ReviewError("no-case", f"there is no case {request.path_params['id']}")
        await self._desk.at_hand(case.id)
        found = [
            {
                **msgspec.to_builtins(backup),
                "upkeep": msgspec.to_builtins(self._desk.upkeep(backup)),
                "runbook": self._desk.manifest(backup.manifest) if backup.manifest else "",
            }
            for backup in case.kept
        ]
        return JSONResponse({"backups": found, "retired": msgspec.to_builtins(case.retired)})

    async def drop(self, request: Request, user: User) -> Response:
        body = await read_body(request, DropBody)
        case = await self._desk.drop_backups(request.path_params["id"], by=user.name, reason=body.reason)
        return JSONResponse(show.summary(case))

    async def export(self, request: Request, user: User) -> Response:
        """A tar file, in pieces; what is in it is no longer sealed."""
        case_id = request.path_params["id"]
        pieces = await self._desk.export_backups(case_id, by=user.name)
        return StreamingResponse(
            pieces,
            media_type="application/x-tar",
            headers={"content-disposition": f'attachment; filename="{case_id}-backup.tar"'},
        )

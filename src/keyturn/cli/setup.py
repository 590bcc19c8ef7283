"""``keyturn init``: configuration, keys, the first administrator."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from keyturn import config as settings
from keyturn.console.identity import ROLES, Identity
from keyturn.errors import OperatorError
from keyturn.model.record import Draft, UserChanged
from keyturn.runtime import now_ms
from keyturn.stores.opening import is_postgres, open_store, postgres
from keyturn.stores.vault import load_or_create_key


def initialise(
    path: str,
    *,
    account: str,
    region: str,
    data_dir: str,
    gateway_port: int,
    console_port: int,
    admin: str,
    store_url: str = "",
    store_password_file: str = "",
) -> tuple[str, Path]:
    """Returns the administrator's one-login token and where the configuration is. Raises `OperatorError` when there is one already.

    The configuration is written last: what went wrong before it can be mended, and init run again.
    """
    where = settings.config_path(path)
    if where.exists():
        raise OperatorError("config-exists", f"{where} exists already", help="edit it, or move it away first")
    if not (account.isdigit() and len(account) == 12):
        raise OperatorError("account", f"{account!r} is no AWS account id", help="twelve digits")
    text = settings.TEMPLATE.format(
        data_dir=data_dir.replace("\\", "\\\\").replace('"', '\\"'),
        account=account,
        region=region,
        gateway_port=gateway_port,
        console_port=console_port,
    )
    if store_url:
        lines = [f"url = {_quoted(store_url)}"]
        if store_password_file:
            lines.append(f"password_file = {_quoted(store_password_file)}")
        text += "\n[store]\n" + "\n".join(lines) + "\n"
    config = settings.parse(text, str(where))
    if is_postgres(store_url):
        postgres().upgrade(store_url, password=config.store_password)
    load_or_create_key(config.key_file)
    load_or_create_key(config.signing_key_file)
    token = asyncio.run(_first(config, admin))
    where.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    return token, where


async def _first(config: settings.Config, admin: str) -> str:
    store = open_store(config.database, config.store.url, password=config.store_password)

    async def note(*, by: str, user: str, roles: tuple[str, ...], what: str) -> None:
        await store.append([Draft("", UserChanged(at_ms=now_ms(), by=by, user=user, roles=roles, what=what))])

    try:
        if config.store.url and store.head[0]:
            raise OperatorError(
                "not-empty",
                "there is an installation in this database already",
                help="for one more node take its keyturn.toml and keys; for another installation make another database",
            )
        return await Identity(store, note, now_ms).add(admin, ROLES, by="init")
    finally:
        await store.close()


def _quoted(text: str) -> str:
    """As a TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

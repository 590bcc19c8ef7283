"""Wires everything together; the only place that knows every adapter by name."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import uvicorn

from keyturn import __version__, policy
from keyturn.config import Config
from keyturn.console.identity import Identity
from keyturn.console.metrics import Metrics
from keyturn.console.web import make_app
from keyturn.errors import OperatorError
from keyturn.executors.aws import AwsConfig, AwsExecutor
from keyturn.executors.newer import read_installed
from keyturn.model.record import PolicyLoaded, Started
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.hosts import SUFFIXES
from keyturn.providers.aws.provider import AwsProvider
from keyturn.runtime import Runtime, Settings, now_ms
from keyturn.stores.authority import Authority
from keyturn.stores.sqlite import SqliteStore
from keyturn.stores.vault import Signer, Vault, load_or_create_key
from keyturn.surfaces.aws_gateway import Gateway, GatewayConfig
from keyturn.surfaces.aws_gateway import serve as serve_gateway
from keyturn.surfaces.aws_gateway.observing import AccessLog, Observer

log = logging.getLogger("keyturn")

COLLECT_AFTER: Final = 20_000
"""Objects that stay before the collector looks for circles: a read leaves a handful in the next batch of the log, no circle."""


class App:
    """One installation, running: store, runtime, gateway and console in one process."""

    def __init__(self, config: Config, *, observe: bool = False) -> None:
        self.config = config
        # A lost key is not made anew in silence: what the old one sealed or signed stands in the log that is there.
        new = not config.database.exists()
        key = load_or_create_key(config.key_file, create=new)
        signing_key = load_or_create_key(config.signing_key_file, create=new)
        self.store = SqliteStore(config.database)
        vault = Vault(self.store, key)
        self.executor = AwsExecutor(_aws(config))
        packs = [
            Path(pack).expanduser() if "/" in pack or pack.endswith(".cedar") else pack
            for pack in config.packs
        ]
        read_installed()
        self.policy = policy.load(packs, known=catalogue.floors())
        self.runtime = Runtime(
            store=self.store,
            vault=vault,
            signer=Signer(signing_key),
            providers={"aws": AwsProvider(vault.seal, config.environments)},
            policy=self.policy,
            executor=self.executor,
            settings=_settings(config, observe=observe or config.observe),
        )
        self.identity = Identity(self.store, self.runtime.record_user, now_ms)
        self.gateway: Gateway | None = None
        lines = config.gateway.access_log
        self.observer = Observer(AccessLog(Path(lines).expanduser()) if lines else None)
        self._console: uvicorn.Server | None = None
        self._console_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Everything listens when this returns."""
        config = self.config
        mode = str(self.runtime.status()["mode"])
        await self.runtime.start(
            Started(at_ms=now_ms(), version=__version__, catalogue=catalogue.identity(), mode=mode)
        )
        await self.runtime.book.note(
            PolicyLoaded(
                at_ms=now_ms(),
                policy_digest=self.policy.digest,
                packs=tuple(config.packs),
                enforcing=mode != "observe",
            )
        )
        listening = _bind(config.console.host, config.console.port, "console.port")
        place = config.gateway
        authority = await self._authority()
        try:
            self.gateway = await serve_gateway(
                self.runtime,
                self.executor,
                GatewayConfig(
                    place.host, place.port, config.aws.account, config.aws.partition, place.tunnels
                ),
                authority,
                self.observer,
            )
        except OSError as error:
            listening.close()
            raise _taken(place.host, place.port, "gateway.port", error) from error
        self.runtime.about |= {
            "gateway_url": f"http://{config.gateway.host}:{self.gateway.port}",
            "proxy_url": f"http://{config.gateway.host}:{self.gateway.port}" if authority else "",
            "region": config.aws.region,
            "account": config.aws.account,
        }
        await self._start_console(listening, authority)

    async def _start_console(self, listening: socket.socket, authority: Authority | None) -> None:
        config = self.config
        web = make_app(
            self.runtime,
            self.identity,
            authority,
            metrics=Metrics(self.runtime, self.observer.registry),
            open_metrics=config.console.open_metrics,
        )
        self._console = uvicorn.Server(
            uvicorn.Config(
                web,
                host=config.console.host,
                port=config.console.port,
                log_level="warning",
                lifespan="off",
                server_header=False,
            )
        )
        self._console.install_signal_handlers = _nothing  # type: ignore[attr-defined]  # signals are ours
        self._console_task = asyncio.create_task(self._console.serve(sockets=[listening]))
        while not self._console.started:
            if self._console_task.done():
                await self._console_task
                raise RuntimeError("the console did not start")
            await asyncio.sleep(0.01)

    async def _authority(self) -> Authority | None:
        """The proxy's, made at the first start that asks for one; that goes on record."""
        if not self.config.gateway.proxy:
            return None
        folder = self.config.data / "ca"
        new = not (folder / "ca.pem").exists()
        authority = Authority(folder, SUFFIXES)
        if new:
            await self.runtime.record_authority(by="start", fingerprint=authority.fingerprint)
        return authority

    async def stop(self) -> None:
        """Stop listening, finish what is on its way for a moment, close the store."""
        if self.gateway is not None:
            await self.gateway.close()
        if self.observer.access_log is not None:
            self.observer.access_log.close()
        if self._console is not None and self._console_task is not None:
            self._console.should_exit = True
            self._console.force_exit = True
            await self._console_task
        await self.runtime.close()


def _bind(host: str, port: int, setting: str) -> socket.socket:
    """A socket that listens there. Raises `OperatorError` that names the setting when it cannot be had."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
    except OSError as error:
        raise _taken(host, port, setting, error) from error


def _taken(host: str, port: int, setting: str, error: OSError) -> OperatorError:
    return OperatorError(
        "no-port",
        f"{host}:{port} cannot be listened on: {error.strerror or error}",
        help=f"is another Keyturn running? stop it, or set {setting} to another one",
    )


def _nothing() -> None:
    """Leave the signals alone."""


def _settings(config: Config, *, observe: bool) -> Settings:
    return Settings(
        public_url=config.console.url,
        hold_wait_s=config.holds.wait_s,
        review_deadline_s=config.holds.review_deadline_s,
        approval_window_s=config.holds.approval_window_s,
        cooldown_s=config.holds.cooldown_s,
        replay_s=config.holds.replay_s,
        observe=observe,
        enforcing=config.aws.enforcing,
        standin=bool(config.aws.endpoint_url),
    )


def _aws(config: Config) -> AwsConfig:
    aws = config.aws
    return AwsConfig(
        region=aws.region,
        account=aws.account,
        partition=aws.partition,
        endpoint_url=aws.endpoint_url,
        read_role=aws.read_role,
        change_role=aws.change_role,
        backup_role=aws.backup_role,
        profile=aws.profile,
        access_key_id=aws.access_key_id,
        secret_access_key=aws.secret_access_key,
    )


def keep_tables() -> None:
    """Spare the collector what stays as long as the process: catalogue, wire table, policies. It looks at the rest, more seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


def run(config: Config, *, observe: bool = False, ready: Callable[[App], None] = lambda _app: None) -> None:
    """Run until a signal; `ready` is called once everything listens."""

    async def main() -> None:
        app = App(config, observe=observe)
        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await app.start()
        keep_tables()
        ready(app)
        await stopping.wait()
        await app.stop()

    try:
        import uvloop  # noqa: PLC0415  # an extra for speed; plain asyncio does the same
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())

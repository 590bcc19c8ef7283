"""Wires everything together; the only place that knows every adapter by name."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from keyturn import __version__, footprint, policy
from keyturn.config import Config
from keyturn.console.identity import Identity
from keyturn.console.oidc_settings import OidcSettings, checked_issuer
from keyturn.console.serving import Serving
from keyturn.console.slack_settings import SlackSettings
from keyturn.core.people import checked_mapping
from keyturn.core.ports import Provider
from keyturn.errors import KeyturnError, OperatorError
from keyturn.executors.aws import AwsExecutor
from keyturn.executors.aws_config import AwsConfig
from keyturn.messengers import Messengers
from keyturn.model.execution import VaultAccount
from keyturn.model.record import PolicyLoaded, Started
from keyturn.policy.cedar import CedarEngine
from keyturn.policy_texts import StoredTexts
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.hosts import SUFFIXES
from keyturn.providers.aws.provider import AwsProvider
from keyturn.rehearsing.first import AtFirst, Place
from keyturn.runtime import Runtime, Settings, now_ms
from keyturn.stores.opening import is_postgres, open_store
from keyturn.stores.vault import Signer, Vault, load_or_create_key
from keyturn.surfaces.aws_gateway import Gateway, GatewayConfig
from keyturn.surfaces.aws_gateway import serve as serve_gateway
from keyturn.surfaces.aws_gateway.beside import Beside
from keyturn.surfaces.aws_gateway.draining import no_more
from keyturn.surfaces.aws_gateway.observing import AccessLog, Observer
from keyturn.workers import Supervisor

if TYPE_CHECKING:
    from keyturn.console.web import Web
    from keyturn.stores.authority import Authority

log = logging.getLogger("keyturn")
logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it cannot parse is an unknown of the assessment

DRAIN_S: Final = 5.0
"""How long clients get to be answered when the process is asked to end: most calls take less, and who waits for people asks again."""


class App:
    """One installation, running: store, runtime, gateway and console in one process."""

    def __init__(
        self, config: Config, *, observe: bool = False, workers: bool = False, beside: Beside | None = None
    ) -> None:
        self.config, self.observe, self.workers, self._beside = config, observe, workers, beside
        # A lost key is not made anew in silence: what the old one sealed or signed stands in the log that is there.
        new = not is_postgres(config.store.url) and not config.database.exists()
        key = load_or_create_key(config.key_file, create=new)
        signing_key = load_or_create_key(config.signing_key_file, create=new)
        self.store = open_store(
            config.database,
            config.store.url,
            password=config.store_password,
            node=config.store.node,
            workers=workers,
        )
        vault = self.vault = Vault(self.store, key)
        self.executor = AwsExecutor(_aws(config))
        self._given = _policy(config)
        self.runtime = Runtime(
            store=self.store,
            vault=vault,
            signer=Signer(signing_key),
            providers=self._providers(config),
            policy=self._given,
            executor=self.executor,
            settings=_settings(config, observe=observe or config.observe),
            texts=StoredTexts(self.store, lambda: self.config.holds.approval_window_s),
        )
        self.messengers = Messengers(config, self.store, self.runtime)
        self.identity = Identity(self.store, self.runtime.record_user, now_ms)
        place = Place(
            config.aws.account, config.aws.partition, config.aws.region, config.gateway.host, not workers
        )
        self.rehearsals = AtFirst(self.runtime, self.executor, place)
        self.gateway: Gateway | None = None
        lines = config.gateway.access_log
        self.observer = Observer(AccessLog(Path(lines).expanduser()) if lines else None, beside)
        self._console: Serving | None = None

    def _providers(self, config: Config) -> dict[str, Provider]:
        prefix = f"keyturn-{self.vault.seal(b'vault account v1').rpartition(':')[2][:12]}"
        vault = _vault(config, prefix)
        return {"aws": AwsProvider(self.vault.seal, config.environments, _roles(config), vault)}

    async def reload(self, config: Config) -> tuple[str, ...]:
        """Policy, environments and holds as `config` has them, from now on; returns the settings that take a restart.

        Raises `KeyturnError` when something of it is wrong, and everything stays as it was.
        """
        policy = _policy(config)
        settings = _settings(config, observe=self.observe or config.observe)
        mode = "observe" if settings.observe else ""
        loaded = PolicyLoaded(
            at_ms=now_ms(), policy_digest=policy.digest, packs=tuple(config.packs), enforcing=not mode
        )
        await self.runtime.reload(policy, settings, self._providers(config), loaded)
        names = (
            "data_dir",
            "gateway",
            "console",
            "aws",
            "vault",
            "store",
            "events",
            "traces",
            "channels",
            "slack",
        )
        left = tuple(name for name in names if getattr(config, name) != getattr(self.config, name))
        self.config = msgspec.structs.replace(config, **{name: getattr(self.config, name) for name in names})
        return left

    async def start(self) -> None:
        """Everything listens when this returns."""
        config = self.config
        mode = str(self.runtime.status()["mode"])
        await self.runtime.start(
            Started(at_ms=now_ms(), version=__version__, catalogue=catalogue.identity(), mode=mode),
            PolicyLoaded(
                at_ms=now_ms(),
                policy_digest=self._given.digest,
                packs=tuple(config.packs),
                enforcing=mode != "observe",
            ),
        )
        listening = _bind(config.console.host, config.console.port, "console.port", shared=self.workers)
        place = config.gateway
        authority = await self._authority()
        try:
            self.gateway = await serve_gateway(
                self.runtime,
                self.executor,
                GatewayConfig(
                    place.host,
                    place.port,
                    config.aws.account,
                    config.aws.partition,
                    place.tunnels,
                    shared=self.workers,
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
            "roles": [
                role
                for role in (config.aws.read_role, config.aws.change_role, config.aws.backup_role)
                if role
            ],
        }
        if self.runtime.nodes is not None:
            self.runtime.nodes.about["gateway"] = str(self.runtime.about["gateway_url"])
            await self.runtime.nodes.beat()
        await self.runtime.look_at_vault()
        self.messengers.start()
        await self._start_console(listening, authority)

    @property
    def policy(self) -> CedarEngine:
        """The policies in force; none at all where they cannot be read."""
        engine = self.runtime.work.policy
        return engine if isinstance(engine, CedarEngine) else CedarEngine(())

    async def _start_console(self, listening: socket.socket, authority: Authority | None) -> None:
        """It listens; the rest is loaded by the first who comes, but for logins and channels whose settings are wrong now or never."""
        config = self.config
        port = listening.getsockname()[1]
        ends = int(self.runtime.status()["log_entries"])
        since = ends if self._beside is None else self._beside.began_at(ends)
        self._console = Serving(listening, lambda: self._web(authority, since, port))
        self.runtime.about["console_url"] = f"http://{config.console.host}:{port}"
        if config.oidc.issuer or config.slack_secret:
            await self._console.open()
        else:
            self._console.wait()

    async def _web(self, authority: Authority | None, since: int, port: int) -> Web:
        """The console. What the log tells of is counted from the entry `since`."""
        from keyturn.console.metrics import Metrics  # noqa: PLC0415  # it comes with the first who does
        from keyturn.console.web import make_app  # noqa: PLC0415
        from keyturn.explaining.loaded import Loaded  # noqa: PLC0415
        from keyturn.surfaces.aws_gateway.counted import Counted  # noqa: PLC0415

        config = self.config
        web = make_app(
            self.runtime,
            self.identity,
            authority,
            metrics=Metrics(
                self.runtime,
                Counted(self.observer.counts),
                named=not config.console.open_metrics,
                since=since,
            ),
            open_metrics=config.console.open_metrics,
            form_key=self.vault.seal(b"console forms v1").encode(),
            policies=Loaded(
                lambda: self.policy, lambda: _packs(self.config), lambda: self.config.environments
            ),
            oidc=_oidc(config),
            slack=SlackSettings(config.slack_secret, config.slack.people) if config.slack_secret else None,
            rehearser=self.rehearsals,
            url=config.console.public_url or f"http://{config.console.host}:{port}",
        )
        await web.settle()
        return web

    async def _authority(self) -> Authority | None:
        """The proxy's, made at the first start that asks for one; that goes on record."""
        if not self.config.gateway.proxy:
            return None
        from keyturn.stores.authority import Authority  # noqa: PLC0415  # X.509 is three megabytes, for the proxy alone

        folder = self.config.data / "ca"
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder.parent / "ca.lock").open("a") as one_at_a_time:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)  # of several workers one makes it
            new = not (folder / "ca.pem").exists()
            authority = Authority(folder, SUFFIXES)
        if new:
            await self.runtime.record_authority(by="start", fingerprint=authority.fingerprint)
        return authority

    async def stop(self) -> None:
        """Stop listening, answer who asked within `DRAIN_S`, let go of who waits for people, close the store."""
        if self.gateway is not None:
            left = await self.gateway.drain(DRAIN_S)
            if left:
                log.warning("%d clients are let go: their cases stay, and they ask again", left)
            await self.gateway.close()
        self.observer.share()
        if self.observer.access_log is not None:
            self.observer.access_log.close()
        if self._console is not None:
            await self._console.stop(no_more)
        await self.rehearsals.close()
        await self.messengers.stop()
        await self.runtime.close()


def _policy(config: Config) -> CedarEngine:
    return policy.load(_packs(config), known=catalogue.floors())


def _packs(config: Config) -> tuple[str | Path, ...]:
    """Shipped packs by their names, a team's own by their places."""
    return tuple(
        Path(pack).expanduser() if "/" in pack or pack.endswith(".cedar") else pack for pack in config.packs
    )


def _bind(host: str, port: int, setting: str, *, shared: bool = False) -> socket.socket:
    """A socket that listens there. Raises `OperatorError` that names the setting when it cannot be had."""
    try:
        return socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=512,
            reuse_port=shared,
        )
    except OSError as error:
        raise _taken(host, port, setting, error) from error


def _taken(host: str, port: int, setting: str, error: OSError) -> OperatorError:
    return OperatorError(
        "no-port",
        f"{host}:{port} cannot be listened on: {error.strerror or error}",
        help=f"is another Keyturn running? stop it, or set {setting} to another one",
    )


def _settings(config: Config, *, observe: bool) -> Settings:
    return Settings(
        public_url=config.console.url,
        hold_wait_s=config.holds.wait_s,
        review_deadline_s=config.holds.review_deadline_s,
        approval_window_s=config.holds.approval_window_s,
        cooldown_s=config.holds.cooldown_s,
        replay_s=config.holds.replay_s,
        remind_s=config.holds.remind_s,
        claim_s=config.holds.claim_s,
        break_glass_s=config.holds.break_glass_s,
        observe=observe,
        enforcing=config.aws.enforcing,
        standin=bool(config.aws.endpoint_url),
        drill_every_s=config.drill.every_h * 3_600,
        keep_days=config.backups.days,
        backup_export=config.backups.export,
        vault=_vault(config, ""),
    )


def _roles(config: Config) -> tuple[str, ...]:
    """The roles that the plane itself works with: a policy that shuts one of them out shuts the plane out."""
    return (config.aws.read_role, config.aws.change_role, config.aws.backup_role)


def _aws(config: Config) -> AwsConfig:
    alike = "region account partition endpoint_url read_role change_role backup_role profile access_key_id secret_access_key"
    given = {name: getattr(config.aws, name) for name in alike.split()}
    return AwsConfig(**given, vault_role=config.vault.role)


def _vault(config: Config, prefix: str) -> VaultAccount | None:
    """The vault account; `prefix` is what this installation's objects in its bucket begin with."""
    told, aws = config.vault, config.aws
    place = (told.account, aws.region, told.role, told.bucket, told.kms_key, aws.partition, prefix)
    return VaultAccount(*place) if told.account else None


def _oidc(config: Config) -> OidcSettings | None:
    oidc = config.oidc
    if not oidc.issuer:
        return None
    return OidcSettings(
        issuer=checked_issuer(oidc.issuer),
        client_id=oidc.client_id,
        secret=config.oidc_secret,
        name=oidc.name,
        domain=oidc.domain,
        groups=oidc.groups,
        roles={group: tuple(roles.replace(",", " ").split()) for group, roles in oidc.roles.items()},
        title=oidc.title,
        teams={group: checked_mapping(teams) for group, teams in oidc.teams.items()},
    )


def run(
    config: Config,
    *,
    observe: bool = False,
    ready: Callable[[App], None] = lambda _app: None,
    again: Callable[[], Config] | None = None,
    beside: Beside | None = None,
    life: int = -1,
) -> None:
    """Run until a signal; `ready` is called once everything listens. SIGHUP reads the configuration anew, by `again`.

    `beside`: it is one of several workers over the same store and ports. `life` is a file that ends with the process to end with.
    """
    footprint.one_arena()

    async def main() -> None:
        app = App(config, observe=observe, workers=beside is not None, beside=beside)
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        if life >= 0:
            loop.add_reader(life, stopping.set)
        reloading = set[asyncio.Task[None]]()

        def reload() -> None:
            if again is not None:
                task = asyncio.create_task(_reload(app, again))
                reloading.add(task)
                task.add_done_callback(reloading.discard)

        loop.add_signal_handler(signal.SIGHUP, reload)
        await app.start()
        async with footprint.kept_small():
            ready(app)
            await stopping.wait()
        if life >= 0:
            loop.remove_reader(life)
        await app.stop()

    try:
        import uvloop  # noqa: PLC0415  # an extra for speed; plain asyncio does the same
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())


async def _reload(app: App, again: Callable[[], Config]) -> None:
    try:
        left = await app.reload(again())
    except KeyturnError as error:
        log.error("not reloaded, what was in force stays: %s [%s]", error.message, error.code)  # noqa: TRY400  # the operator's, not ours
        return
    log.warning("reloaded: policy %s is in force", app.policy.digest)
    for line in said_of_policy(app.runtime.status()):
        log.warning("%s", line)
    if left:
        log.warning("changed, and in force after a restart only: %s", ", ".join(left))


def said_of_policy(status: dict[str, Any]) -> list[str]:
    """Where the policies on disk are not those in force: that, and what waits."""
    if status["policy_configured"] == status["policy_digest"]:
        return []
    for one in status["policy_waits"]:
        if one["digest"] == status["policy_configured"]:
            packs = ", ".join(one["packs"])
            waits = (
                f"NOT IN FORCE: {packs} lets more through than what is; {one['id']} waits: keyturn proposals"
            )
            return [waits, *(f"  {line}" for line in one["relaxes"])]
    return [
        "NOT IN FORCE: the policies on disk were denied, or nobody decided within a day; a reload proposes them again"
    ]


def reserve(host: str, port: int, setting: str) -> tuple[socket.socket, int]:
    """A port for several processes: held by a socket that does not listen, so that nobody else takes it meanwhile.

    The kernel would let it be shared with whatever else of the same user shares its port (socket(7), SO_REUSEPORT), and half of
    the clients would reach another installation: so it is asked for alone first.
    """
    _bind(host, port, setting).close()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        held.bind((host, port))
    except OSError as error:
        held.close()
        raise _taken(host, port, setting, error) from error
    return held, held.getsockname()[1]


def run_workers(
    count: int, config: Config, *, observe: bool, ready: Callable[[App], str], again: Callable[[], Config]
) -> int:
    """As `run`, in `count` processes over one store and the same ports; the exit status. `ready` makes the text that is said once."""
    held = [
        reserve(config.gateway.host, config.gateway.port, "gateway.port"),
        reserve(config.console.host, config.console.port, "console.port"),
    ]
    if config.gateway.host == config.console.host and held[0][1] == held[1][1]:
        raise OperatorError(
            "no-port",
            f"gateway and console cannot both listen on port {held[0][1]}",
            help="set gateway.port or console.port to another one",
        )
    gateway = msgspec.structs.replace(config.gateway, port=held[0][1])
    console = msgspec.structs.replace(config.console, port=held[1][1])
    config = msgspec.structs.replace(config, gateway=gateway, console=console)

    counts = tempfile.TemporaryDirectory(prefix="keyturn-counts-")

    def work(number: int, life: int, tell: Callable[[str], None]) -> None:
        run(
            config,
            observe=observe,
            ready=lambda app: tell(ready(app)),
            again=again,
            beside=Beside(Path(counts.name), number),
            life=life,
        )

    try:
        return Supervisor(count, work, print_now).run()
    finally:
        counts.cleanup()
        for one, _ in held:
            one.close()


def print_now(text: str) -> None:
    """To whoever reads this process's output, at once."""
    os.write(1, f"{text}\n".encode())

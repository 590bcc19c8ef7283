"""One TOML file. What it does not say has a default with a reason; what it says wrongly is named, with what was meant.

The file is found by ``--config``, then ``KEYTURN_CONFIG``, then ``~/.config/keyturn/keyturn.toml``.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from keyturn.errors import OperatorError, nearest


class Gateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where agents' SDKs connect."""

    host: str = "127.0.0.1"
    port: int = 8420
    proxy: bool = False  # the same port as HTTPS proxy, with a certificate authority of its own
    access_log: str = ""  # a file for one JSON line a request
    tunnels: tuple[
        str, ...
    ] = ()  # hosts that are not AWS's and pass through the proxy unread: api.example.com, *.example.org


class Console(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where people and the CLI connect. `public_url` is what stands in messages; behind a TLS proxy it is that one's."""

    host: str = "127.0.0.1"
    port: int = 8421
    public_url: str = ""
    open_metrics: bool = (
        False  # /metrics without a token; it names services and phases, nobody and nothing else
    )

    @property
    def url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"


class Aws(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The account, and the roles the plane assumes in it (`keyturn guard aws` prints them)."""

    account: str = ""
    region: str = "us-east-1"
    partition: str = "aws"
    endpoint_url: str = ""  # a stand-in or VPC endpoint instead of AWS's own
    read_role: str = ""
    change_role: str = ""
    backup_role: str = ""
    profile: str = ""  # the plane's own base credentials; empty: botocore's default chain
    access_key_id: str = ""  # only with endpoint_url: a stand-in's key
    secret_access_key: str = ""
    enforcing: bool = False  # the account denies changes to everyone but the plane's roles


class OidcConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sign-in at the company's own provider, beside passkeys and invites; needs the extra `oidc` and `console.public_url`."""

    issuer: str = ""  # https://..., as its discovery document names it; empty: there is none
    client_id: str = ""
    client_secret_file: str = ""  # its first line; empty: a public client, by PKCE alone
    name: str = "preferred_username"  # the claim that is a user's name here
    domain: str = ""  # names are NAME@domain there, and NAME here; others are nobody here
    groups: str = "groups"  # the claim with her groups
    roles: dict[
        str, str
    ] = {}  # group -> roles, as in "reviewer operator"; a group that is not here gives none
    teams: dict[
        str, str
    ] = {}  # group -> teams, as in "payments security:production"; beside those of `keyturn team`
    title: str = ""  # what the button says; empty: the issuer's host


class Holds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long things wait."""

    wait_s: float = 50.0  # a held call is kept open; under the 60 s at which SDKs give up
    review_deadline_s: int = 86_400  # a hold that nobody answers in a day expires
    approval_window_s: int = 3_600  # an approval is of a state that people have just seen
    cooldown_s: int = 900  # a denied change is not asked again in other words
    replay_s: int = 300  # the recorded response is given to the one who was held
    remind_s: int = (
        3_600  # a held case is spoken of again so long before it expires, at half its time at most; 0: never
    )
    claim_s: int = 1_800  # a reviewer looks at a case for half an hour, unless she says so again
    break_glass_s: int = 900  # a break-glass is for now, not for later


class DrillConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Drills by the plane itself: the way back is tried on scratch resources, which cost something while they stand."""

    every_h: float = (
        0.0  # each kind that cases have spoken of is drilled this often; 0: only by keyturn drill
    )


class BackupsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long backups are kept, and what may become of them: docs/guides/backups.md."""

    keep_days: Annotated[int, msgspec.Meta(ge=0)] | Literal["for ever"] = (
        100  # a quarter and a week: what is missed when it is closed can be given back; 0 or "for ever": until a person drops it
    )
    export: bool = False  # administrators may take them out of the vault, unsealed, for use with Keyturn gone

    @property
    def days(self) -> int:
        """0 is without an end."""
        return 0 if self.keep_days == "for ever" else self.keep_days


class VaultConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another account, in which copies of backups lie that nothing of this one can reach but the plane: docs/guides/backups.md."""

    account: str = ""  # twelve digits; empty: there is none
    role: str = ""  # the ARN of the one role there that the plane assumes (`keyturn guard vault` prints it)
    bucket: str = ""  # for what the plane seals itself; private, with versions
    kms_key: str = ""  # the ARN of a key there, for what is encrypted here; empty: only what is not encrypted can be copied


class Events(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened, told to others as CloudEvents with OCSF payloads: docs/guides/siem.md. Each place is told from when it was named first."""

    file: str = ""  # one JSON object a line is appended here
    stdout: bool = False  # and to the process's standard output
    webhook: str = ""  # https://... that takes a POST for each event
    secret_file: str = ""  # its first line signs the posts; empty: the environment's KEYTURN_EVENTS_SECRET


class Traces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The life of each case as spans, to an OpenTelemetry collector by OTLP over HTTP; needs the extra `otel`: docs/guides/traces.md."""

    endpoint: str = ""  # the collector's whole address, https://.../v1/traces; empty: no spans are made
    headers_file: str = ""  # a file with one `name: value` a line, for a collector that wants a key


class Channels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How reviewers hear of what waits for them; needs the extra `channels`. Each channel is told from when it was named first."""

    urls_file: str = (
        ""  # a file with one apprise URL a line (they hold secrets): mailto:, msteams:, pagerduty:, ntfy: ...
    )
    digest_s: float = 900.0  # what is not urgent is told together this often; 0: each at once
    quiet: str = ""  # hours in which only what is urgent is told: "22:00-07:00 Europe/Berlin"


class SlackConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Slack with buttons, for what needs no page to be decided: its app needs chat:write, and /channels/slack for interactions."""

    channel: str = ""  # the id of the channel, C...; empty: no Slack
    token_file: str = ""  # its first line is the bot's token, xoxb-...
    secret_file: str = ""  # its first line is the app's signing secret; empty: messages without buttons
    api: str = "https://slack.com/api/"
    people: dict[
        str, str
    ] = {}  # member id at Slack (U...) -> user here; who is not in it decides nothing there


class StoreConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the log is. A password is never here: in a file of its own, or where libpq looks (PGPASSWORD, PGPASSFILE)."""

    url: str = (
        ""  # postgresql://USER@HOST/DATABASE for several machines, sqlite:PATH; empty: keyturn.db in data_dir
    )
    password_file: str = ""  # its first line is the database user's password
    node: str = (
        ""  # what this node is called on the log and in status; empty: host, process and a random word
    )


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    data_dir: str = "~/.local/share/keyturn"
    gateway: Gateway = Gateway()
    console: Console = Console()
    aws: Aws = Aws()
    holds: Holds = Holds()
    store: StoreConfig = StoreConfig()
    drill: DrillConfig = DrillConfig()
    backups: BackupsConfig = BackupsConfig()
    vault: VaultConfig = VaultConfig()
    oidc: OidcConfig = OidcConfig()
    events: Events = Events()
    traces: Traces = Traces()
    channels: Channels = Channels()
    slack: SlackConfig = SlackConfig()
    environments: dict[str, str] = {}  # account id, or pattern of ARNs -> environment, beside what tags say
    packs: tuple[str, ...] = ("seatbelt",)  # shipped packs by name, your own as paths
    observe: bool = False  # decide and record, forward everything

    @property
    def data(self) -> Path:
        return Path(self.data_dir).expanduser()

    @property
    def database(self) -> Path:
        scheme, _, path = self.store.url.partition(":")
        return Path(path).expanduser() if scheme == "sqlite" else self.data / "keyturn.db"

    @property
    def store_password(self) -> str:
        """From its file; empty where there is none. Raises `OperatorError`."""
        return _first_line(self.store.password_file, "no-password", "store.password_file")

    @property
    def channel_urls(self) -> tuple[str, ...]:
        """One a line; lines that begin with # say something. Raises `OperatorError`."""
        lines = _lines(self.channels.urls_file, "no-channels", "channels.urls_file")
        return tuple(line for line in lines if line and not line.startswith("#"))

    @property
    def slack_token(self) -> str:
        """From its file. Raises `OperatorError`."""
        return _first_line(self.slack.token_file, "no-slack", "slack.token_file")

    @property
    def slack_secret(self) -> str:
        """From its file; empty where there is none. Raises `OperatorError`."""
        return _first_line(self.slack.secret_file, "no-slack", "slack.secret_file")

    @property
    def oidc_secret(self) -> str:
        """From its file; empty where there is none. Raises `OperatorError`."""
        return _first_line(self.oidc.client_secret_file, "no-secret", "oidc.client_secret_file")

    @property
    def events_secret(self) -> str:
        """From its file or the environment; empty where there is none. Raises `OperatorError`."""
        found = _first_line(self.events.secret_file, "no-secret", "events.secret_file")
        return found or os.environ.get("KEYTURN_EVENTS_SECRET", "").strip()

    @property
    def traces_headers(self) -> dict[str, str]:
        """From their file, by name. Raises `OperatorError`."""
        lines = _lines(self.traces.headers_file, "no-headers", "traces.headers_file")
        pairs = (line.partition(":") for line in lines if line and not line.startswith("#"))
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    @property
    def key_file(self) -> Path:
        return self.data / "keys" / "installation.key"

    @property
    def signing_key_file(self) -> Path:
        return self.data / "keys" / "signing.key"


def _first_line(file: str, code: str, setting: str) -> str:
    """Of a file with a secret in it; empty where no file is named."""
    return next(iter(_lines(file, code, setting)), "")


def _lines(file: str, code: str, setting: str) -> tuple[str, ...]:
    """Of a file with secrets in it; none where no file is named."""
    if not file:
        return ()
    path = Path(file).expanduser()
    try:
        return tuple(line.strip() for line in path.read_text(encoding="utf-8").split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            code, f"{setting} cannot be read from {path}: {error}", help=f"check {setting} and its owner"
        ) from error


PORT_MAX: Final = 65_535
"""Sixteen bits (RFC 9293, section 3.1)."""

DEFAULT_PATH: Final = Path("~/.config/keyturn/keyturn.toml")


def config_path(given: str = "") -> Path:
    """Where the file is looked for."""
    return Path(given or os.environ.get("KEYTURN_CONFIG") or DEFAULT_PATH).expanduser()


def load(given: str = "") -> Config:
    """The configuration. Raises `OperatorError` that names the file, the setting and what to write."""
    path = config_path(given)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise OperatorError(
            "no-config", f"there is no configuration at {path}", help="make one: keyturn init"
        ) from None
    except UnicodeDecodeError as error:
        raise OperatorError(
            "config-toml", f"{path} is no TOML: it is not UTF-8", help="see https://toml.io"
        ) from error
    except OSError as error:
        raise OperatorError(
            "no-config", f"{path} cannot be read: {error.strerror}", help="check its owner and mode"
        ) from error
    return parse(text, str(path))


def parse(text: str, where: str) -> Config:
    """As `load`, from text."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OperatorError(
            "config-toml", f"{where} is no TOML: {error}", help="see https://toml.io"
        ) from error
    _known(raw, Config, "", where)
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise OperatorError(
            "config-value", f"{where}: {error}", help="docs/reference/settings.md lists every setting"
        ) from error
    for name, port in (("gateway.port", config.gateway.port), ("console.port", config.console.port)):
        if not 0 <= port <= PORT_MAX:
            raise OperatorError(
                "config-port",
                f"{where}: {name} = {port} is no port",
                help=f"1 to {PORT_MAX}; 0 takes one that is free",
            )
    check_store_url(config.store.url, where)
    if config.oidc.issuer and not (config.oidc.client_id and config.oidc.roles):
        raise OperatorError(
            "config-oidc",
            f"{where}: oidc.issuer is set, and oidc.client_id or oidc.roles is not",
            help='client_id = "keyturn", and [oidc.roles] with a line for each group: sre = "reviewer"',
        )
    _check_vault(config, where)
    if config.aws.access_key_id and not config.aws.endpoint_url:
        raise OperatorError(
            "config-key",
            f"{where}: aws.access_key_id is only for stand-ins",
            help="give the plane a profile or an instance role",
        )
    return config


_ACCOUNT: Final = re.compile(r"\d{12}")


def _check_vault(config: Config, where: str) -> None:
    """What can be known of it without asking AWS. Raises `OperatorError` for what would be no other account."""
    vault = config.vault
    if vault == VaultConfig():
        return

    def wrong(what: str, advice: str) -> OperatorError:
        return OperatorError("config-vault", f"{where}: {what}", help=advice)

    if not _ACCOUNT.fullmatch(vault.account):
        raise wrong(
            f"vault.account = {vault.account!r} is no AWS account id", "twelve digits, or no [vault] at all"
        )
    if vault.account == config.aws.account:
        raise wrong(
            "vault.account is the plane's own account: a copy there falls with what it is a copy of",
            "name an account that nobody works in, or leave [vault] out",
        )
    named = {"role": vault.role, **({"kms_key": vault.kms_key} if vault.kms_key else {})}
    for setting, arn in named.items():
        if vault.account not in arn.split(":")[4:5]:
            raise wrong(
                f"vault.{setting} = {arn!r} is of no such thing in account {vault.account}",
                f"its ARN: arn:aws:iam::{vault.account}:role/keyturn-vault"
                if setting == "role"
                else f"its ARN: arn:aws:kms:{config.aws.region}:{vault.account}:key/...",
            )
    if not vault.bucket:
        raise wrong("vault.bucket is missing", f'bucket = "keyturn-vault-{vault.account}"')


def check_store_url(url: str, where: str) -> None:
    """The kinds of store there are; and no password in a file that is copied and reviewed like code."""
    scheme, _, rest = url.partition(":")
    if scheme not in {"", "sqlite", "postgresql", "postgres"}:
        raise OperatorError(
            "config-store",
            f"{where}: store.url begins with {scheme}:, which is no store",
            help="sqlite:PATH or postgresql://USER@HOST/DATABASE",
        )
    login = rest.removeprefix("//").partition("/")[0].rpartition("@")[0]
    if scheme.startswith("postgres") and (":" in login or "password=" in rest):
        raise OperatorError(
            "config-password",
            f"{where}: store.url has a password in it",
            help="put it into a file of mode 0600 and name that in store.password_file, or use PGPASSFILE",
        )


def _known(raw: dict[str, Any], struct: type[msgspec.Struct], path: str, where: str) -> None:
    """A mistyped key is named with the nearest that exists."""
    names = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for key, value in raw.items():
        if key not in names:
            near = nearest(key, names)
            meant = f"did you mean {path}{near[0]}?" if near else f"it takes: {', '.join(names)}"
            raise OperatorError("config-unknown", f"{where} has an unknown setting {path}{key}", help=meant)
        inner = names[key]
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            _known(value, inner, f"{path}{key}.", where)


TEMPLATE: Final = """\
# Keyturn's configuration. Every setting is in docs/reference/settings.md; what is left out has the default shown there.

data_dir = "{data_dir}"          # log, vault and keys; back it up, and keep the keys apart
packs = ["seatbelt"]             # policies: shipped packs by name, your own as paths

[gateway]                        # agents' SDKs connect here
host = "127.0.0.1"
port = {gateway_port}

[console]                        # people and the command line connect here
host = "127.0.0.1"
port = {console_port}

[aws]
account = "{account}"
region = "{region}"
# read_role = "arn:aws:iam::{account}:role/keyturn-read"       # `keyturn guard aws` prints the three roles
# change_role = "arn:aws:iam::{account}:role/keyturn-change"
# backup_role = "arn:aws:iam::{account}:role/keyturn-backup"
# enforcing = false              # true once the account denies changes to everyone but these roles

# [vault]                        # copies of backups in another account: docs/guides/backups.md
# account = "222222222222"
# role = "arn:aws:iam::222222222222:role/keyturn-vault"
# bucket = "keyturn-vault-222222222222"
# kms_key = "arn:aws:kms:{region}:222222222222:key/..."

# [store]                        # several machines over one log: docs/guides/scale.md
# url = "postgresql://keyturn@db.internal/keyturn"
# password_file = "/etc/keyturn/database.password"

[environments]                   # beside what tags say; unknown counts as production
# "{account}" = "production"
# "arn:aws:dynamodb:*:*:table/play-*" = "sandbox"
"""


def settings_table() -> str:
    """Every setting as Markdown, for the reference."""
    lines = ["| setting | type | default |", "| --- | --- | --- |"]

    def rows(struct: type[msgspec.Struct], path: str) -> None:
        for field in msgspec.structs.fields(struct):
            if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
                rows(field.type, f"{path}{field.name}.")
                continue
            default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory
            shown = default() if callable(default) else default
            name = getattr(field.type, "__name__", str(field.type))
            lines.append(f"| `{path}{field.name}` | {name} | `{shown!r}` |")

    rows(Config, "")
    return "\n".join(lines) + "\n"

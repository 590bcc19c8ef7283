"""Sign-in at the company's own provider: OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636).

What a browser carries between the two is one secret in a cookie; state, nonce and verifier all follow from it, so that an answer is good
in the browser that asked, once, for minutes. Roles and teams are what the groups say at each login: who left a group has them no more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import warnings
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx
import msgspec
from authlib.deprecate import AuthlibDeprecationWarning  # type: ignore[import-untyped]  # has none
from authlib.integrations.base_client.errors import OAuthError  # type: ignore[import-untyped]  # has none
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from keyturn.console.identity import Identity
from keyturn.console.nonces import Nonces
from keyturn.console.oidc_settings import OidcSettings, checked_issuer
from keyturn.errors import OperatorError, ReviewError, UnavailableError
from keyturn.model.record import IdentityMapped
from keyturn.runtime.interface import Desk

with (
    warnings.catch_warnings()
):  # that httpx has a successor is authlib's and ours to act on, and nothing for who starts Keyturn
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]  # has none

ALGORITHMS: Final = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
"""Signatures by a private key of the provider's. Neither *none* nor HS256, whose key both sides have (RFC 8725, 3.1)."""

LEEWAY_S: Final = 60
"""How far the provider's clock may be off."""

KEPT_S: Final = 600
"""Discovery and keys are asked for again after this; keys also when a token names one that is not known."""

TIMEOUT_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 1 << 20
_KIND: Final = "oidc"


class Asked(msgspec.Struct, frozen=True):
    """Where the browser goes, and what it keeps meanwhile."""

    url: str
    kept: str


class Oidc:
    """One provider."""

    def __init__(
        self,
        settings: OidcSettings,
        identity: Identity,
        desk: Desk,
        nonces: Nonces,
        origin: str,
    ) -> None:
        checked_issuer(settings.issuer)
        self._set, self._identity, self._desk = settings, identity, desk
        self._nonces, self._back = nonces, f"{origin}/login/oidc/back"
        self._known: tuple[int, dict[str, Any]] = (0, {})
        self._keys: tuple[int, KeySet | None] = (0, None)

    @property
    def title(self) -> str:
        return self._set.title or urlsplit(self._set.issuer).hostname or "your provider"

    # --- there -------------------------------------------------------------------------------------------------------

    async def ask(self) -> Asked:
        """Send the browser there. Raises `UnavailableError` when the provider does not answer."""
        known, kept = await self._discovered(), secrets.token_urlsafe(32)
        state = self._nonces.make(_KIND, _derived(kept, "browser"))
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                _endpoint(known, "authorization_endpoint"),
                state=state,
                nonce=_derived(kept, "nonce"),
                code_verifier=_derived(kept, "verifier"),
            )
        return Asked(url, kept)

    # --- and back ----------------------------------------------------------------------------------------------------

    async def answered(self, kept: str, given: dict[str, str]) -> str:
        """Who came back, as the user she is here. Raises `ReviewError` when anything is not as it has to be."""
        if given.get("iss", self._set.issuer) != self._set.issuer:  # RFC 9207: another provider's answer
            raise ReviewError("oidc-issuer", "the answer is another provider's")
        state = given.get("state", "")
        expires = self._nonces.expires_at_ms(_KIND, _derived(kept, "browser"), state)
        await self._nonces.spend(state, expires)
        if "error" in given or not given.get("code"):
            raise ReviewError("oidc-refused", "the provider did not let you in")
        known = await self._discovered()
        async with self._client() as client:
            try:
                token = await client.fetch_token(
                    _endpoint(known, "token_endpoint"),
                    grant_type="authorization_code",
                    code=given["code"],
                    code_verifier=_derived(kept, "verifier"),
                )
            except (httpx.HTTPError, OAuthError, ValueError) as error:
                raise _down(self._set.issuer, error) from error
        claims = await self._claims(str(token.get("id_token", "")), _derived(kept, "nonce"))
        return await self._mapped(claims)

    async def _claims(self, text: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token for which everything of OpenID Connect Core 1.0, 3.1.3.7 holds."""
        claims = await self._signed(text)
        now_s = self._identity.clock() / 1000
        audience = claims.get("aud")
        several = audience if isinstance(audience, list) else [audience]
        expires, issued = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
        wrong = (
            (claims.get("iss") != self._set.issuer, "issuer", "it was issued by somebody else"),
            (self._set.client_id not in several, "audience", "it is meant for another application"),
            (
                claims.get("azp", self._set.client_id) != self._set.client_id or (len(several) > 1 and "azp" not in claims),
                "audience",
                "it was given to another application",
            ),
            (now_s >= expires + LEEWAY_S, "expired", "it has expired"),
            (not 0 < issued <= now_s + LEEWAY_S, "expired", "it is not from now"),
            (not hmac.compare_digest(str(claims.get("nonce", "")), nonce), "nonce", "it answers another question"),
            (not isinstance(claims.get("sub"), str) or not claims["sub"], "subject", "it names nobody"),
        )  # fmt: skip
        for is_wrong, code, why in wrong:
            if is_wrong:
                raise ReviewError(f"oidc-{code}", f"the provider's token is not for this login: {why}")
        return claims

    async def _signed(self, text: str) -> dict[str, Any]:
        for fresh in (False, True):  # a key that is not known may be a new one
            try:
                decoded = jwt.decode(text, await self._key_set(fresh=fresh), algorithms=ALGORITHMS)
            except (JoseError, ValueError, TypeError) as error:
                if fresh:
                    why = "the provider's token is not signed by a key of the provider's"
                    raise ReviewError("oidc-signature", why) from error
            else:
                return dict(decoded.claims)
        raise AssertionError

    async def _mapped(self, claims: dict[str, Any]) -> str:
        """Who this is here, with the roles and the teams that her groups have now."""
        subject, name = claims["sub"], self._name(claims)
        given = claims.get(self._set.groups)
        groups = (
            tuple(sorted({one for one in given if isinstance(one, str)})) if isinstance(given, list) else ()
        )
        roles = tuple(sorted({role for group in groups for role in self._set.roles.get(group, ())}))
        if not roles:
            raise ReviewError(
                "oidc-unmapped", f"{name}'s groups give no role here", help="oidc.roles says which do"
            )
        await self._link(subject, name)
        user = self._identity.user(name)
        teams = tuple(sorted({team for group in groups for team in self._set.teams.get(group, ())}))
        if user is None or user.roles != roles or self._desk.people.mapped.get(name, ()) != teams:
            await self._identity.put(name, roles)
            await self._desk.put_on_record(
                IdentityMapped(
                    at_ms=self._identity.clock(),
                    issuer=self._set.issuer,
                    subject=subject,
                    user=name,
                    roles=roles,
                    teams=teams,
                    groups=groups,
                )
            )
        return name

    def _name(self, claims: dict[str, Any]) -> str:
        name = str(claims.get(self._set.name, "")).lower()
        if self._set.name == "email" and claims.get("email_verified") is not True:
            raise ReviewError("oidc-unmapped", "the provider has not verified this address")
        if self._set.domain:
            name, _, domain = name.partition("@")
            if domain != self._set.domain:
                raise ReviewError("oidc-unmapped", f"only people of {self._set.domain} have a name here")
        if not self._identity.is_name(name):
            raise ReviewError(
                "oidc-unmapped",
                f"the claim {self._set.name} gives no user's name here",
                help="oidc.name and oidc.domain say how a name is made",
            )
        return name

    async def _link(self, subject: str, name: str) -> None:
        """A subject is one person here, and a person one subject: a name that was given to somebody else there is not hers here."""
        key = hashlib.sha256(f"{self._set.issuer}\0{subject}".encode()).hexdigest()
        of_subject = self._identity.store.get_row("oidc-subject", key)
        of_name = self._identity.store.get_row("oidc-name", name)
        if (of_subject and of_subject.value != name.encode()) or (of_name and of_name.value != key.encode()):
            raise ReviewError(
                "oidc-other",
                f"{name} is somebody else at the provider",
                help="an administrator removes the user",
            )
        if of_subject is None:
            await self._identity.store.put_row("oidc-subject", key, name.encode(), expect=0)
        if of_name is None:
            await self._identity.store.put_row("oidc-name", name, key.encode(), expect=0)

    # --- the provider ------------------------------------------------------------------------------------------------

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            client_id=self._set.client_id,
            client_secret=self._set.secret or None,
            token_endpoint_auth_method="client_secret_basic" if self._set.secret else "none",
            scope="openid profile email groups" if self._set.groups == "groups" else "openid profile email",
            redirect_uri=self._back,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
        )

    async def _discovered(self) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0, 4; the issuer has to be the one that was asked."""
        at, known = self._known
        now = self._identity.clock()
        if known and now - at < KEPT_S * 1000:
            return known
        known = await self._get(f"{self._set.issuer.rstrip('/')}/.well-known/openid-configuration")
        if known.get("issuer") != self._set.issuer:
            raise OperatorError(
                "oidc-issuer",
                f"{self._set.issuer} says that it is {known.get('issuer')!r}",
                help="set oidc.issuer to that",
            )
        self._known = (now, known)
        return known

    async def _key_set(self, *, fresh: bool) -> KeySet:
        at, keys = self._keys
        now = self._identity.clock()
        if keys is None or fresh or now - at >= KEPT_S * 1000:
            keys = KeySet.import_key_set(
                cast("Any", await self._get(_endpoint(await self._discovered(), "jwks_uri")))
            )
            self._keys = (now, keys)
        return keys

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
                answer = (await client.get(url)).raise_for_status()
            return msgspec.json.decode(answer.content[:ANSWER_BYTES_MAX], type=dict[str, Any])
        except (httpx.HTTPError, ValueError) as error:
            raise _down(self._set.issuer, error) from error


def _endpoint(known: dict[str, Any], name: str) -> str:
    return checked_issuer(str(known.get(name, "")))


def _derived(kept: str, purpose: str) -> str:
    made = hmac.new(kept.encode(), purpose.encode(), "sha256").digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def _seconds(value: object) -> float:
    """A time of a token; 0 where it is none, which is long past."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _down(issuer: str, error: Exception) -> UnavailableError:
    return UnavailableError(
        "oidc-down",
        f"{issuer} does not answer as it should ({type(error).__name__})",
        help="log in with a passkey",
    )

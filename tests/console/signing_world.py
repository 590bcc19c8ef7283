"""People with passkeys on a plane whose policy wants approvals signed: what a browser does, with a passkey in software."""

from __future__ import annotations

import contextlib
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from demo import world
from keyturn.console import forms
from keyturn.testing.passkey import SoftPasskey
from keyturn.testing.standin import StandIn
from tests.console.running_plane import NUMBER, PLAIN, REGION, Plane

SEE_OTHER = 303


class Person:
    """Somebody's browser, with her passkey."""

    def __init__(self, plane: Plane, name: str, invite: str, **key: Any) -> None:
        self.plane, self.name = plane, name
        self.origin = plane.url.replace("127.0.0.1", "localhost")
        self.key = SoftPasskey(self.origin, **key)
        self.browser = httpx.Client(verify=PLAIN, base_url=plane.url, timeout=60)
        answer = self.browser.post("/login", data={"token": invite})
        assert answer.status_code == SEE_OTHER, answer.text

    def csrf(self, path: str = "/me", name: str = "csrf") -> str:
        """A hidden field of a page's forms."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.browser.get(path).text)
        if found is None and name != "csrf":
            return ""
        assert found
        return html.unescape(found[1])

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self.browser.post(path, data={"csrf": self.csrf(), **fields})

    def enrol(self, key: SoftPasskey | None = None, name: str = "phone") -> httpx.Response:
        """Make a passkey on her own page."""
        asked = self.post("/me/passkeys/options", name=name)
        assert asked.status_code == 200, asked.text
        made = (key or self.key).create(asked.json()["options"])
        return self.post("/me/passkeys", name=name, nonce=asked.json()["nonce"], credential=json.dumps(made))

    def ask(self, case: str, note: str = "") -> dict[str, Any]:
        """What she is asked to sign, as a page asks for it."""
        answer = self.post(f"/c/{case}/sign", binding=self.binding(case), note=note)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def binding(self, case: str) -> str:
        return str(self.browser.get(f"/c/{case}.json").json()["binding"])

    def approve(self, case: str, **given: str) -> httpx.Response:
        """Send the form of the page."""
        fields = {"binding": self.binding(case), "note": "", "shown": self.csrf(f"/c/{case}", "shown")}
        return self.post(f"/c/{case}/approve", **{**fields, **given})

    def sign(self, case: str, note: str = "") -> httpx.Response:
        """Approve by the book."""
        asked = self.ask(case, note)
        answer = json.dumps(self.key.get(asked["options"]))
        return self.approve(case, note=note, nonce=asked["nonce"], credential=answer)


def code_on_record(plane: Plane, case: str) -> list[str]:
    """Codes of the reviews that were refused, as the log has them."""
    return [
        entry.event().code  # type: ignore[union-attr]  # by the tag that was asked for
        for entry in plane.app.runtime.story(case)
        if type(entry.event()).__name__ == "ReviewRefused"
    ]


@contextlib.contextmanager
def signing(folder: Path, least_ms: int = 0) -> Iterator[Plane]:
    """A plane whose approvals in production are signed, with nothing on it yet."""
    with StandIn() as standin:
        account = world.Account(standin.endpoint, "AKIAENGINEER", "secret", region=REGION)
        for role in ("read", "change", "backup"):
            trusted = {"Effect": "Allow", "Principal": {"AWS": NUMBER}, "Action": "sts:AssumeRole"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
            account("iam").create_role(RoleName=f"keyturn-{role}", AssumeRolePolicyDocument=document)
        plane = Plane(folder, account, packs=("seatbelt", "signed"))
        plane.start()
        least, forms.SHOWN_MS_MIN = forms.SHOWN_MS_MIN, least_ms  # type: ignore[misc]  # nobody reads here
        try:
            yield plane
        finally:
            forms.SHOWN_MS_MIN = least  # type: ignore[misc]
            plane.stop()

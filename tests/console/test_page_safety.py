"""The pages as an attack surface: headers, cookies, forms of somebody else, names that are code, secrets, buttons."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from keyturn.console import forms, live, show
from keyturn.console.identity import Identity
from keyturn.console.web import HEADERS, STATIC, make_app
from keyturn.core import shown
from keyturn.runtime.interface import Desk
from keyturn.stores.memory import MemoryStore
from tests.console.running_plane import SECRET, Plane, ask

OK, SEE_OTHER, UNAUTHORISED, FORBIDDEN, NOT_FOUND = 200, 303, 401, 403, 404


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is not about the second that a page must have been read."""
    monkeypatch.setattr(forms, "SHOWN_MS_MIN", 0)


def field(page: str, name: str) -> str:
    """A hidden field's value on a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"the page has no field {name}"
    return html.unescape(found[1])


# --- every answer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/", "/login", "/nothing", "/c/C-999", "/index.json", "/api/v1/whoami", "/events", "/static/keyturn.js"],
)
def test_every_answer_has_the_headers(plane: Plane, path: str) -> None:
    """Pages, redirects, errors, JSON, streams and files alike: nothing inline, no frame, no sniffing, no referrer."""
    answer = ask("GET", plane.url + path)
    for name, value in HEADERS.items():
        if name != "cache-control":
            assert answer.headers.get_list(name) == [value], name
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert ("no-store" in answer.headers["cache-control"]) != path.startswith("/static/")
    assert "server" not in answer.headers


async def test_a_broken_page_says_nothing_and_has_the_headers() -> None:
    """An error of ours might quote what nobody may read: the page says that something broke, and no more."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(SECRET)

    async def note(**said: Any) -> None:
        return None

    identity = Identity(MemoryStore(), note, lambda: 0)
    token = await identity.login(await identity.add("dana", ("reviewer",), by="test"))
    transport = httpx.ASGITransport(make_app(cast("Desk", Broken()), identity), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        client.cookies.set("keyturn", token)
        answer = await client.get("/")
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert "RuntimeError" not in answer.text
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]


def test_no_template_has_script_or_style_inline() -> None:
    """The policy forbids them; a page that needs them would be broken for everybody."""
    for template in sorted((STATIC.parent / "templates").glob("*.html")):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text), (
            template.name
        )
        assert "|safe" not in text, template.name
        assert "autoescape" not in text, template.name


def test_what_is_vendored_is_what_it_says() -> None:
    """The scripts of others are byte for byte what their table says: nobody slips a line in."""
    table = (STATIC / "vendor" / "README.md").read_text()
    stated = dict(re.findall(r"\| (\S+\.js) \|.*`(\S{64})` \|", table))
    files = {path.name: path.read_bytes() for path in (STATIC / "vendor").glob("*.js")}
    assert stated.keys() == files.keys()
    assert stated == {
        name: base64.b64encode(hashlib.sha384(content).digest()).decode() for name, content in files.items()
    }
    base = (STATIC.parent / "templates" / "base.html").read_text()
    assert all(f"/static/vendor/{name}" in base for name in files)
    notice = (Path(__file__).parents[2] / "NOTICE").read_text()
    assert "htmx 4.0.1" in notice


@pytest.mark.parametrize(
    "path", ["/static/../web.py", "/static/%2e%2e/web.py", "/static/..%2fweb.py", "/static/"]
)
def test_only_assets_are_served(plane: Plane, path: str) -> None:
    """Nothing beside the folder of assets can be fetched."""
    answer = ask("GET", plane.url + path)
    assert answer.status_code in {SEE_OTHER, NOT_FOUND}
    assert "Starlette" not in answer.text


# --- cookies ---------------------------------------------------------------------------------------------------------


def test_the_cookie_is_out_of_reach(plane: Plane) -> None:
    """Scripts cannot read it, other sites cannot have it sent; over TLS it is one that no other host can set."""
    token = {"token": plane.token("dana")}
    plain = ask("POST", f"{plane.url}/login", data=token).headers["set-cookie"]
    assert re.match(r"keyturn=kt_\S+; HttpOnly; Max-Age=\d+; Path=/; SameSite=strict$", plain)
    behind_tls = {"x-forwarded-proto": "https"}
    over_tls = ask("POST", f"{plane.url}/login", data=token, headers=behind_tls)
    assert re.match(
        r"__Host-keyturn=kt_\S+; HttpOnly; Max-Age=\d+; Path=/; SameSite=strict; Secure$",
        over_tls.headers["set-cookie"],
    )
    assert "strict-transport-security" in over_tls.headers


def test_over_tls_a_plain_cookie_counts_for_nothing(plane: Plane) -> None:
    """A cookie that a plain connection (or another host) has planted is not the one that is read over TLS."""
    headers = {"x-forwarded-proto": "https", "cookie": f"keyturn={plane.token('dana')}"}
    answer = ask("GET", f"{plane.url}/", headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (SEE_OTHER, "/login")


def test_a_planted_session_is_not_taken_over(plane: Plane) -> None:
    """Fixation: whatever cookie a browser comes with, the login gives it a new one, and the old stays worthless."""
    planted = "kt_" + "a" * 43
    given = ask(
        "POST",
        f"{plane.url}/login",
        data={"token": plane.token("dana")},
        headers={"cookie": f"keyturn={planted}"},
    )
    assert planted not in given.headers["set-cookie"]
    assert ask("GET", f"{plane.url}/", headers={"cookie": f"keyturn={planted}"}).status_code == SEE_OTHER


def test_logging_out_ends_the_cookie(plane: Plane) -> None:
    """The cookie is taken away, and who kept a copy has nothing."""
    with plane.browser("dana") as browser:
        kept = browser.cookies["keyturn"]
        page = browser.get("/").text
        assert browser.post("/logout", data={"csrf": field(page, "csrf")}).status_code == SEE_OTHER
        assert "keyturn" not in browser.cookies
    assert ask("GET", f"{plane.url}/", headers={"cookie": f"keyturn={kept}"}).status_code == SEE_OTHER


# --- forms -----------------------------------------------------------------------------------------------------------


def test_forms_of_somebody_else_decide_nothing(plane: Plane, unhurried: None) -> None:
    """No token, a made-up one, another person's, another login's of the same person: nothing is recorded."""
    case = plane.cases["table"]
    with plane.browser("dana") as dana, plane.browser("erin") as erin, plane.browser("dana") as second:
        page = dana.get(f"/c/{case}").text
        tokens = ["", "0" * 64]
        tokens += [field(other.get(f"/c/{case}").text, "csrf") for other in (erin, second)]
        for token in tokens:
            for verb in ("approve", "deny"):
                form = {
                    "csrf": token,
                    "binding": field(page, "binding"),
                    "shown": field(page, "shown"),
                    "note": "x",
                }
                answer = dana.post(f"/c/{case}/{verb}", data=form)
                assert answer.status_code == FORBIDDEN, (verb, token)
            assert dana.post("/halt", data={"csrf": token}).status_code == FORBIDDEN
            assert dana.post("/logout", data={"csrf": token}).status_code == FORBIDDEN
        assert dana.get("/").status_code == OK, "still logged in"
    assert plane.case(case)["approvals"] == []
    assert plane.case(case)["phase"] == "held"
    assert not plane.app.runtime.status()["halted_by"]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_what_was_sent_from_elsewhere_is_refused(plane: Plane, headers: dict[str, str]) -> None:
    """Even with the right token; the login too, so that nobody is logged in under another's name."""
    with plane.browser("dana") as dana:
        token = field(dana.get("/").text, "csrf")
        assert dana.post("/halt", data={"csrf": token}, headers=headers).status_code == FORBIDDEN
    login = ask("POST", f"{plane.url}/login", data={"token": plane.token("dana")}, headers=headers)
    assert login.status_code == UNAUTHORISED
    assert "set-cookie" not in login.headers
    assert not plane.app.runtime.status()["halted_by"]


def test_a_link_decides_nothing(plane: Plane) -> None:
    """Deeds are posts: what a mail's picture or a prefetch can ask for changes nothing."""
    with plane.browser("dana") as dana:
        for verb in ("approve", "deny", "execute", "undo"):
            assert dana.get(f"/c/{plane.cases['table']}/{verb}").status_code == 405
        assert dana.get("/halt").status_code == 405
        assert dana.get("/logout").status_code == 405


@pytest.mark.parametrize(
    ("to", "lands"),
    [
        ("/c/C-7", "/c/C-7"),
        ("/", "/"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/c/C-7\n", "/"),
        ("/c/../halt", "/"),
        ("/logout", "/"),
    ],
)
def test_after_the_login_one_lands_at_home(plane: Plane, to: str, lands: str) -> None:
    """A link to a case comes back to it after the login; no link leads from our login to somebody else's page."""
    answer = ask("POST", f"{plane.url}/login", params={"next": to}, data={"token": plane.token("dana")})
    assert (answer.status_code, answer.headers["location"]) == (SEE_OTHER, lands)


def test_a_form_has_a_size(plane: Plane) -> None:
    """A form of a megabyte is refused, whether it says its length or comes in pieces without an end."""

    def pieces() -> Iterator[bytes]:
        yield b"csrf=x&reason="
        for _ in range(100):
            yield b"y" * 10_000

    form = {"content-type": "application/x-www-form-urlencoded"}
    with plane.browser("dana") as dana:
        stated = dana.post("/halt", data={"csrf": "x", "reason": "y" * 1_000_000})
        endless = dana.post("/halt", content=pieces(), headers=form)
    for answer in (stated, endless):
        assert answer.status_code == FORBIDDEN
        assert "at most" in answer.text


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/plain", b"csrf={csrf}&reason=x"),
        ("application/json", b'{"csrf": "{csrf}"}'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{csrf}\r\n--x--\r\n',
        ),
        ("application/x-www-form-urlencoded", b"csrf={csrf}&reason=%ff"),
        ("application/x-www-form-urlencoded", b"csrf={csrf}&reason=\xff"),
        ("application/x-www-form-urlencoded", b"csrf={csrf}" + b"&a=1" * 50),
    ],
)
def test_only_a_form_is_a_form(plane: Plane, kind: str, content: bytes) -> None:
    """Other types, other alphabets, fields by the hundred: refused, with the right token too."""
    with plane.browser("dana") as dana:
        token = field(dana.get("/").text, "csrf").encode()
        answer = dana.post("/halt", content=content.replace(b"{csrf}", token), headers={"content-type": kind})
    assert answer.status_code == FORBIDDEN
    assert not plane.app.runtime.status()["halted_by"]


# --- what a page shows -----------------------------------------------------------------------------------------------


def test_names_that_are_code_are_text(plane: Plane) -> None:
    """An agent called <script>, an object called <img onerror>, with hidden characters: all of it is read, none of it acts."""
    with plane.browser("dana") as dana:
        pages = [dana.get(f"/c/{plane.cases['hostile']}").text, dana.get("/").text]
        pages.append(dana.get("/", params={"q": '"><script>alert(3)</script>'}).text)
    for page in pages:
        assert not re.search(
            r"<script>|<img|onerror=alert\(1\)>(?!/)", page.replace("&lt;", "").replace("&gt;", "")
        )
        assert not {"\u202e", "\u200b", "\u0007"} & set(page)
    assert all(mark in pages[0] for mark in ("⟨U+202E⟩", "⟨U+200B⟩", "⟨U+0007⟩"))
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in pages[0]
    assert "&#34;&gt;&lt;script&gt;alert(3)" in pages[2]


def test_no_page_holds_a_secret(plane: Plane) -> None:
    """Not the sent secret, not the plane's own key, not what stands in the function's environment; sealed forms instead."""
    hidden = (
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        "AKIAPLANE",
        "cost-report-itmes",
        "vault:captures",
    )
    texts = []
    with plane.browser("dana") as dana:
        for case in plane.inbox():
            ends = ("", ".json", "/raw", "/raw.json")
            texts += [dana.get(f"/c/{case['id']}{end}").text for end in ends]
        lists = ("/", "/?tab=waiting", "/?tab=decided", "/index.json", *PLACES)
        texts += [dana.get(path).text for path in lists]
    assert "sealed …" in "".join(texts)
    for text in texts:
        assert not [secret for secret in hidden if secret in text]


def test_masking_hides_no_verb_and_no_resource(plane: Plane) -> None:
    """Whatever is sealed of a request: what would be done, to what, in which account and region stands on the page in full."""
    with plane.browser("dana") as dana:
        for about in ("replace", "secret", "half", "table", "hostile", "undone"):
            twin = dana.get(f"/c/{plane.cases[about]}.json").json()
            text = html.unescape(re.sub(r"<[^>]*>", "", dana.get(f"/c/{plane.cases[about]}").text))
            named = [twin["operations"], twin["resources"]]
            named += [[one["account"], one["region"]] for one in twin["change"]["operations"]]
            assert [word for words in named for word in words if word not in text] == [], about


def test_what_an_agent_says_is_marked(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent's stated reason is shown as its own words that nobody has checked, and cannot pass for ours."""
    original = show.detail

    def with_intent(*given: Any) -> dict[str, Any]:
        found = original(*given)
        found["change"]["intent"] = "</blockquote><b>Approved by security</b>"
        return found

    monkeypatch.setattr(show, "detail", with_intent)
    with plane.browser("dana") as dana:
        page = dana.get(f"/c/{plane.cases['replace']}").text
    quoted = re.search(r'<blockquote class="untrusted">(.*?)</blockquote>', page, re.DOTALL)
    assert quoted
    assert "Not checked by anybody" in quoted[1]
    assert "&lt;/blockquote&gt;&lt;b&gt;Approved by security" in quoted[1]


# --- buttons ---------------------------------------------------------------------------------------------------------

BUTTONS: list[tuple[str, str, set[str]]] = [
    ("dana", "replace", {"approve", "claim", "deny", "narrow"}),
    (
        "bob",
        "replace",
        {"break-glass", "narrow", "withdraw"},
    ),  # he runs the agent: he can neither approve nor see how
    ("olga", "replace", set()),
    ("ada", "replace", set()),
    ("erin", "half", {"claim", "deny"}),  # she has approved; she may still say no
    ("dana", "half", {"approve", "claim", "deny"}),
    ("dana", "approved", {"deny", "execute"}),
    ("bob", "approved", {"withdraw"}),
    ("dana", "denied", set()),
    ("dana", "undone", set()),
    ("olga", "hostile", {"withdraw"}),
    (
        "bob",
        "hostile",
        {"approve", "break-glass", "claim", "deny"},
    ),  # another operator's agent; he has every role
]


@pytest.mark.parametrize(("person", "about", "buttons"), BUTTONS)
def test_who_sees_which_button(plane: Plane, person: str, about: str, buttons: set[str]) -> None:
    """A button is shown to those who may press it; the others read why they may not."""
    case = plane.cases[about]
    with plane.browser(person) as browser:
        page = browser.get(f"/c/{case}").text
        assert set(re.findall(rf'action="/c/{case}/([a-z-]+)"', page)) == buttons
        twin = browser.get(f"/c/{case}.json").json()
        assert set(twin["may"]) == buttons
        if twin["phase"] == "held" and "approve" not in buttons:
            assert html.escape(twin["may_not"]) in page


def test_who_sees_no_button_cannot_press_it(plane: Plane, unhurried: None) -> None:
    """The forms are sent all the same, with everything right but the person: refused each time."""
    case = plane.cases["replace"]
    for person in ("bob", "olga", "ada"):
        with plane.browser(person) as browser:
            page = browser.get(f"/c/{case}").text
            form = {"csrf": field(page, "csrf"), "binding": plane.case(case)["binding"], "note": "x"}
            for verb in ("approve", "deny", "execute", "settle", "undo"):
                answer = browser.post(f"/c/{case}/{verb}", data=form)
                assert answer.status_code == FORBIDDEN, (person, verb)
    found = plane.case(case)
    assert (found["phase"], found["approvals"]) == ("held", [])


def test_a_denial_needs_a_reason(plane: Plane, unhurried: None) -> None:
    """The agent reads it; a bare no teaches nothing and is asked again in other words."""
    case = plane.cases["table"]
    with plane.browser("dana") as dana:
        page = dana.get(f"/c/{case}").text
        form = {key: field(page, key) for key in ("csrf", "binding", "shown")} | {"note": "   "}
        answer = dana.post(f"/c/{case}/deny", data=form)
    assert answer.status_code == FORBIDDEN
    assert "needs a reason" in answer.text
    assert plane.case(case)["phase"] == "held"


def test_what_cannot_be_shown_is_not_approved(
    plane: Plane, monkeypatch: pytest.MonkeyPatch, unhurried: None
) -> None:
    """A change too long for a page has no approve button, says so, and the form sent all the same is refused."""
    case = plane.cases["table"]
    with plane.browser("dana") as dana:
        page = dana.get(f"/c/{case}").text
        form = {key: field(page, key) for key in ("csrf", "binding", "shown")}
        monkeypatch.setattr(shown, "SHOWN_BYTES_MAX", 64)
        page = dana.get(f"/c/{case}").text
        assert f'action="/c/{case}/approve"' not in page
        assert "Nobody can approve this: the change is" in page
        assert dana.post(f"/c/{case}/approve", data=form).status_code == FORBIDDEN
    assert plane.case(case)["approvals"] == []


# --- twins and streams -----------------------------------------------------------------------------------------------


PLACES = ("/activity", "/agents", "/policy", "/evidence")


def test_every_page_has_a_twin(plane: Plane) -> None:
    """What a page shows, programs read at the same address with .json; without a login neither."""
    case = plane.cases["half"]
    for path in ("/index.json", f"/c/{case}.json", f"/c/{case}/raw.json", *(f"{one}.json" for one in PLACES)):
        assert ask("GET", plane.url + path).status_code == UNAUTHORISED
    with plane.browser("dana") as dana:
        inbox = dana.get("/index.json").json()
        assert case in [row["id"] for row in inbox["cases"]]
        decided = dana.get("/index.json", params={"tab": "decided"}).json()
        assert plane.cases["denied"] in [row["id"] for row in decided["cases"]]
        twin = dana.get(f"/c/{case}.json").json()
        for path in ("/", "/?tab=waiting", f"/c/{case}", f"/c/{case}/raw", *PLACES):
            assert 'rel="alternate" type="application/json"' in dana.get(path).text
        assert dana.get("/c/C-999.json").json()["error"]["code"] == "nothing-here"
    with plane.api("dana") as api:
        same = api.get(f"/cases/{case}").json()
    assert {key: twin[key] for key in same} == same


def test_the_filter_finds(plane: Plane) -> None:
    """Every word must occur; what does not match is not listed."""
    with plane.browser("dana") as dana:
        found = dana.get("/index.json", params={"q": "effect:REPLACE production kiro cost-report"}).json()
        none = dana.get("/index.json", params={"q": "effect:replace nothing-of-this-name"}).json()
    assert [row["id"] for row in found["cases"]] == [plane.cases["replace"]]
    assert (none["cases"], none["total"]) == ([], 0)


def test_the_stream_tells_what_moved(plane: Plane) -> None:
    """A page that listens to one case hears of it and of no other; nobody listens without a login."""
    assert ask("GET", f"{plane.url}/events").status_code == UNAUTHORISED
    mine, other = plane.held_table(), plane.held_table()
    after = plane.app.runtime.status()["log_entries"]
    with (
        plane.browser("dana") as dana,
        dana.stream("GET", "/events", params={"case": mine, "after": after}) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        plane.review("erin", other, approve=True)
        time.sleep(2 * live.TOGETHER_S)  # what comes together is one notice, the last one's
        plane.review("erin", mine, approve=True)
        data = next(line for line in lines if line.startswith("data: "))
    assert f'"{mine}"' in data


def test_the_stream_ends_with_the_login(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is removed hears nothing more."""
    monkeypatch.setattr(live, "BEAT_S", 0.05)
    login = plane.login(plane.invite("listener", "auditor"))
    with httpx.stream("GET", f"{plane.url}/events", headers={"cookie": f"keyturn={login}"}) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        with plane.api("bob") as bob:
            bob.post("/users/listener/remove", json={}).raise_for_status()
        started = time.monotonic()
        rest = list(lines)
    assert "event: ended" in rest
    assert time.monotonic() - started < 5

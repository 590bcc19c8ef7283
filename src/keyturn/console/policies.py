"""Policy: the rules in force, how often each determined a verdict, whether their tests hold, and a question to them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from keyturn.console.identity import User
from keyturn.console.proposals import shown
from keyturn.console.site import Site, wants_json
from keyturn.console.text import seen
from keyturn.core.case import Case
from keyturn.errors import KeyturnError

COMMAND_CHARS_MAX: Final = 20_000
"""A command with a policy document in it; a longer one is asked by `keyturn explain --file`."""

CASES_MAX: Final = 10_000


class Policies(Protocol):
    """The rules in force, as the console may know them."""

    @property
    def digest(self) -> str: ...

    def rules(self) -> list[dict[str, Any]]:
        """Each with id, permits, outcome, obligations, message, source (``file:line``) and text."""
        ...

    def tests(self) -> list[dict[str, Any]]:
        """Each pack with how many of its cases hold, what fails, which rules no case shows."""
        ...

    def explain(self, question: str) -> dict[str, Any]:
        """What a command would do and what policy says to it. Raises `OperatorError` where it is no question."""
        ...


class PolicyPages:
    """``/policy``. A question is asked by a form, since a command may hold what does not belong into an address."""

    def __init__(self, site: Site, policies: Policies | None) -> None:
        self._site, self._desk, self._policies = site, site.desk, policies
        # One thread: the engine's handles are not to be shared, and the tables of the CLI take a while to load.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explain")
        self._tests: tuple[str, list[dict[str, Any]]] = ("", [])

    def routes(self) -> list[Route]:
        return [
            *self._site.page("/policy", self._policy, twin="/policy.json"),
            Route("/policy/explain", self._explain, methods=["POST"]),
            Route("/policy/explain.json", self._explain, methods=["POST"]),
        ]

    async def _policy(self, request: Request, user: User) -> Response:
        found = await self._found()
        if wants_json(request):
            return JSONResponse(found)
        return self._site.show("policy.html", request, user, title="Policy", asked="", answer=None, **found)

    async def _found(self) -> dict[str, Any]:
        if self._policies is None:
            return {"digest": "", "rules": [], "tests": [], "cases": 0, "configured": "", "waiting": []}
        cases = self._desk.cases(limit=CASES_MAX)
        hits = determined(cases)
        rules = [rule | {"hits": hits.get(rule["id"], 0)} for rule in self._policies.rules()]
        digest = self._policies.digest
        if self._tests[0] != digest:
            tests = await asyncio.get_running_loop().run_in_executor(self._thread, self._policies.tests)
            self._tests = (digest, tests)
        found: dict[str, Any] = seen(
            {
                "digest": digest,
                "rules": rules,
                "tests": self._tests[1],
                "cases": len(cases),
                "configured": self._desk.status()["policy_configured"],
                "waiting": [shown(one) for one in self._desk.proposals() if one.wanted.kind == "policy"],
            }
        )
        return found

    async def _explain(self, request: Request) -> Response:
        site = self._site
        user = site.forms.user(request)
        if user is None:
            return RedirectResponse("/login?next=/policy", 303)
        form, why = await site.forms.read(request)
        asked = form.get("command", "").strip()
        if not why and len(asked) > COMMAND_CHARS_MAX:
            why = f"a question has at most {COMMAND_CHARS_MAX:,} characters here; keyturn explain takes longer ones"
        if why or self._policies is None:
            return site.refused(request, user, why or "no policies are loaded", back="/policy")
        loop = asyncio.get_running_loop()
        try:
            answer = seen(await loop.run_in_executor(self._thread, self._policies.explain, asked))
        except KeyturnError as error:
            return site.refused(request, user, error.message, advice=error.help, back="/policy")
        if wants_json(request):
            return JSONResponse(answer)
        found = await self._found()
        return site.show(
            "policy.html", request, user, title="Policy", asked=seen(asked), answer=answer, **found
        )


def determined(cases: Iterable[Case]) -> Counter[str]:
    """How often each rule was among those that determined a verdict."""
    return Counter(
        reason.policy for case in cases if case.decision is not None for reason in case.decision.reasons
    )

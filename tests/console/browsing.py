"""A person's own browser on the pages, and what every test of them asks of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

CHROMIUM = os.environ.get("KEYTURN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
ARMING_MS = 1_100
DESK, PHONE, PICTURE = (1_280, 900), (390, 844), (1_280, 800)

needs_a_browser = pytest.mark.skipif(
    CHROMIUM is None,
    reason="NO BROWSER: the pages are not tested. apt-get install chromium, or set KEYTURN_CHROMIUM",
)

Open = Callable[..., Any]

WATCH = """
document.addEventListener("securitypolicyviolation", (e) => console.error("CSP", e.violatedDirective, e.blockedURI));
"""

CONTRAST = """() => {
  const channel = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility({opacityProperty: true})) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 40)}`);
  }
  return found;
}"""


def overflow(page: Any) -> int:
    """Pixels by which the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def approve(page: Any) -> None:
    page.wait_for_timeout(ARMING_MS)
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Approve, as").click()


def stay(page: Any) -> None:
    """Mark the page, so that a reload would show."""
    page.evaluate("window.same = true")


def stayed(page: Any) -> bool:
    return bool(page.evaluate("window.same === true"))

"""Chromium, and windows that note whatever a page of the console must not do."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.http import HttpRequest
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from people.models import Member

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
"""What looks for barriers in a page."""

DESKTOP, PHONE = (1280, 800), (360, 740)
PATIENCE_MILLISECONDS = 20_000
QUIET = """() => new Promise((resolve) => {
  let still = 0;
  const look = () => {
    still = document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling") ? 0 : still + 1;
    still > 3 ? resolve() : requestAnimationFrame(look);
  };
  look();
})"""
"""Resolves when nothing has been loading for some frames: what a page brings in later is there then."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a word to anybody else."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread; Django's database does not run inside it.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        # What renews itself does so every 5 s, which is as long as `expect` waits on its own.
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Window:
    """One person's window; `faults` is everything in it that must not happen on any page."""

    context: BrowserContext
    page: Page
    origin: str
    has_scripts: bool = True
    faults: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)
    """Statuses that the journey asks for: Chromium, and htmx, write a line to the console for each from 400 on."""

    def open(self, path: str) -> Response | None:
        """Go to a page, and wait for what it brings in later."""
        answer = self.page.goto(f"{self.origin}{path}")
        self.settle()
        return answer

    def settle(self) -> None:
        """Wait until nothing loads any more."""
        if self.has_scripts:
            self.page.evaluate(QUIET)

    def press(self, name: str, *, within: str = "main") -> None:
        """Press the button that a person would call so."""
        self.page.locator(within).get_by_role("button", name=name, exact=True).click()

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(label).fill(text)

    def text(self) -> str:
        """What stands on the page."""
        return self.page.locator("body").inner_text()

    def hear(self, message: ConsoleMessage) -> None:
        said = (words for status in self.expected for words in (f"status of {status} ", f"Status Error Code {status} "))
        if not any(words in message.text for words in said):
            self.faults.append(f"{self.page.url} says {message.type}: {message.text}")

    def see(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:")):
            self.faults.append(f"{self.page.url} asks for {request.url}")

    def sign_in_as(self, member: Member) -> None:
        """Let the window belong to a member who has just signed in, and said the password once more."""
        client, request = Client(), HttpRequest()
        client.force_login(member.person)
        request.session = client.session
        record_authentication(request, member.person, method="password", reauthenticated=True)
        request.session.save()
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        self.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": self.origin}])


def open_window(browser: Browser, origin: str, *, size: tuple[int, int] = DESKTOP, has_scripts: bool = True) -> Window:
    """A fresh window, without cookies."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=has_scripts,
        reduced_motion="reduce",
        color_scheme="light",
        locale="en-GB",
    )
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    window = Window(context, context.new_page(), origin, has_scripts)
    context.on("console", window.hear)
    context.on("request", window.see)
    context.on("weberror", lambda error: window.faults.append(f"{window.page.url} fails: {error.error}"))
    return window

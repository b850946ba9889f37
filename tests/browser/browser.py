"""A real Chromium, and people who look through it."""

import os
import re
import shutil
from contextlib import contextmanager

from playwright.sync_api import expect, sync_playwright

from page_rules import DESK

# Nothing that a browser does for itself: no updates, no suggestions, no accounts.
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# For what the system does by itself; far more than it takes, since a busy machine is no fault.
PATIENCE_MS = 30_000

# A letter that was sent names its logo where the system answered then; here each copy of it answers at another port,
# and a letter's frame loads nothing from there, as its policy says.
LOGO_OF_BEFORE = re.compile(r"http://localhost:\d+/assets/logo-demo-[0-9a-f]{64}\.png")


class Browser:
    """Chromium, for as long as the `with` lasts."""

    def __init__(self, program):
        # A name on the path, or a path; else it is Playwright's own.
        self.program = program and (shutil.which(program) or program)

    def __enter__(self):
        self.playwright = sync_playwright().start()
        arguments = list(ARGUMENTS)
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            # Its own walls don't stand for root, as in containers.
            arguments.append("--no-sandbox")
        self.chromium = self.playwright.chromium.launch(executable_path=self.program, args=arguments)
        expect.set_options(timeout=PATIENCE_MS)
        print(f"Chromium {self.chromium.version} is {self.program or 'of Playwright'}", flush=True)
        return self

    def __exit__(self, *_):
        self.chromium.close()
        self.playwright.stop()

    @contextmanager
    def person(self, report, name, url, size=None, theme="light", has_script=True):
        """Somebody with a browser of their own; what it complains of is a check at the end."""
        context = self.chromium.new_context(
            base_url=url,
            viewport=size or DESK,
            color_scheme=theme,
            reduced_motion="reduce",
            java_script_enabled=has_script,
            locale="en-US",
            timezone_id="America/New_York",
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        complaints = Complaints(page, url)
        try:
            yield page
        finally:
            context.close()
            report.check(f"{name}: nothing in the console, nothing from elsewhere", complaints.faults)


class Complaints:
    """What goes wrong beside what is seen."""

    def __init__(self, page, url):
        self.url = url
        self.found = {}
        self.pages = set()
        page.on("console", self.on_console)
        page.on("pageerror", lambda error: self.add(f"script: {error}"))
        page.on("request", self.on_request)
        page.on("requestfailed", self.on_failed)
        page.on("response", self.on_response)

    @property
    def faults(self):
        return list(self.found)

    def add(self, fault):
        if not LOGO_OF_BEFORE.search(fault):
            self.found[fault] = True

    def on_console(self, message):
        # That a page is missing or an address refused is said of a page that was asked for to be so.
        is_status = message.text.startswith("Failed to load resource: the server responded with a status of 4")
        where = message.location.get("url", "")
        if message.type in ("error", "warning") and not (is_status and where in self.pages):
            self.add(f"console at {where}: {message.text}")

    def on_request(self, request):
        if request.is_navigation_request():
            self.pages.add(request.url)
        if not request.url.startswith((self.url + "/", "data:")):
            self.add(f"a request to another place: {request.url}")

    def on_failed(self, request):
        # A page that is left while it loads is no fault.
        if request.failure != "net::ERR_ABORTED":
            self.add(f"{request.url}: {request.failure}")

    def on_response(self, response):
        if 500 <= response.status:
            self.add(f"{response.status} from {response.url}")

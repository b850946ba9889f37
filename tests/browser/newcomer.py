"""The README's five minutes, by its words: whatever stands there in italics is seen or pressed, in that order. A page
that says it in other words fails here, and so does a README that promises what isn't there.
"""

import re
import time
from pathlib import Path

from playwright.sync_api import expect

from browser import PATIENCE_MS
from page_rules import DESK

README = Path(__file__).parents[2] / "README.md"
TITLE = "## Five minutes in the browser"

# People by whom the README goes on: all else in italics are words on a page.
PEOPLE = ["bea", "pat"]


def italics():
    """What the README's steps have in italics, step by step."""
    text = README.read_text(encoding="utf-8").split(TITLE)[1].split("\n## ")[0]
    steps = re.split(r"\n\d\. ", text)[1:]
    return [re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", " ".join(step.split())) for step in steps]


class Newcomer:
    """Somebody who read nothing else."""

    def __init__(self, report, browser, system):
        self.report = report
        self.browser = browser
        self.system = system

    def run(self):
        come_in, tomorrow, letter, pay, ask, decide = italics()
        with self.browser.person(self.report, "a newcomer", self.system.url, DESK, "light", True) as page:
            self.comes_in(page, *come_in)
            self.lets_tomorrow_come(page, *tomorrow)
            self.reads_the_letter(page, *letter)
            self.pays(page, *pay)
            self.asks(page, *ask)
            self.decides(page, *decide)

    def step(self, name, page):
        return self.report.step(f"the README's five minutes: {name}", page)

    @staticmethod
    def choose(page, name):
        page.get_by_role("navigation", name="Console").get_by_role("link", name=name, exact=True).click()

    @staticmethod
    def is_so(page, pill):
        expect(page.locator("header.client .pill")).to_have_text(pill)

    @staticmethod
    def enter(page, enter, who):
        assert who in PEOPLE, who
        page.get_by_role("link", name=enter).click()
        page.get_by_role("button", name=re.compile(rf"^{who}\b")).click()

    def comes_in(self, page, enter, who, overview):
        with self.step("come in", page):
            page.goto("/")
            self.enter(page, enter, who)
            self.enter_word = enter
            expect(page.get_by_role("heading", level=1)).to_have_text(overview)
            expect(page.locator("section", has_text="What comes tomorrow").last).to_contain_text("Cobalt")

    def lets_tomorrow_come(self, page, day, one_day):
        with self.step("let tomorrow come", page):
            self.choose(page, day)
            page.get_by_role("button", name=re.compile(f"^{one_day}")).click()
            cobalt = page.locator(".happened > li", has_text="Cobalt")
            expect(cobalt).to_contain_text("Locks the portal")
            expect(cobalt).to_contain_text("demand letter")
            cobalt.get_by_role("link").first.click()
            self.is_so(page, "Locked")
            expect(page.locator("main")).to_contain_text("the client was warned on")
            expect(page.get_by_role("heading", name="What comes next")).to_be_visible()

    def reads_the_letter(self, page, mailbox, subject):
        with self.step("read the letter", page):
            self.choose(page, mailbox)
            page.locator("tr", has_text="cobalt").get_by_role("link", name=subject).click()

    def pays(self, page, pay_now, card, pay, paid):
        with self.step("pay, as the client", page):
            page.locator("main a[href*='/l/']").last.click()
            page.get_by_role("button", name=pay_now).click()
            expect(page.get_by_label(re.compile(card))).to_be_checked()
            page.get_by_role("button", name=pay).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(paid)

    def asks(self, page, clients, ask):
        with self.step("ask for the unlock", page):
            page.goto("/console")
            self.choose(page, clients)
            page.get_by_role("link", name=re.compile("^Cobalt")).click()
            self.is_so(page, "Locked")
            expect(page.locator("dl.owed").first).to_contain_text("nothing")
            page.get_by_role("link", name=ask).first.click()
            expect(page.get_by_text("What will happen")).to_be_visible()
            page.get_by_role("button", name=ask).click()

    def decides(self, page, sign_out, who, unlock, decide, consequences, approve, letter, history):
        with self.step("decide, as the partner", page):
            page.get_by_role("button", name=sign_out).click()
            self.enter(page, self.enter_word, who)
            self.choose(page, unlock)
            page.locator("section.unlock", has_text="Cobalt").get_by_role("link", name=decide).click()
            expect(page.get_by_role("heading", name=consequences)).to_be_visible()
            page.get_by_role("button", name=approve).click()
            expect(page.get_by_role("status")).to_contain_text("open again")
            page.goto("/console/clients/cobalt")
            self.is_so(page, "Open")
            page.get_by_role("navigation", name="Client", exact=True).get_by_role("link", name=history).click()
            expect(page.locator("main")).to_contain_text("approved by pat")
        with self.step("its last letter comes by itself", page):
            end = time.monotonic() + PATIENCE_MS / 1000
            subject = page.locator("tr", has_text="cobalt").get_by_role("link", name=re.compile(letter))
            self.choose(page, "Mailbox")
            while not subject.count() and time.monotonic() < end:
                page.reload()
            expect(subject).to_have_count(1)

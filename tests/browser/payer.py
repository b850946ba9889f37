"""A client pays in the sandbox, and the firm sees it."""

import re
import time

from playwright.sync_api import expect

from browser import PATIENCE_MS
from page_rules import DESK, PHONE
from staff import sign_in


class Payer:
    """Whoever has the address of a page to pay on."""

    def __init__(self, report, browser, system, rules, has_script):
        self.report = report
        self.browser = browser
        self.system = system
        self.rules = rules
        self.has_script = has_script
        self.way = "with scripts" if has_script else "without scripts"

    def run(self):
        url = self.system.url
        name = f"a payer {self.way}, 390 wide"
        with self.browser.person(self.report, name, url, PHONE, "dark", self.has_script) as page:
            self.pays(page)
        with self.browser.person(self.report, f"bea {self.way} after a payment", url, DESK, "light", self.has_script) as page:
            self.is_seen(page)

    def look(self, page, name):
        if self.has_script:
            self.rules.all(page, f"payer-{name}")
            page.set_viewport_size(PHONE)

    def pays(self, page):
        def step(name):
            return self.report.step(f"{self.way}: {name}", page)

        with step("a page to pay on says what for, and how much"):
            page.goto(self.system.checkout("cobalt", "DP-2012", "usd", 45000, "/sign-in"))
            expect(page.locator("ul.lines")).to_contain_text("Invoice DP-2012")
            expect(page.locator(".total")).to_contain_text("450.00")
        self.look(page, "to-pay")
        with step("a card that is declined costs nothing, and says so"):
            page.get_by_label(re.compile("0002")).check()
            page.get_by_role("button", name=re.compile("^Pay")).click()
            expect(page.get_by_role("alert")).to_contain_text("declined")
        self.look(page, "declined")
        with step("another card pays, and leads back"):
            address = page.url
            page.get_by_label(re.compile("4242")).check()
            page.get_by_role("button", name=re.compile("^Pay")).click()
            expect(page).to_have_url(re.compile(r"/sign-in$"))
        with step("what is paid can't be paid again"):
            page.goto(address)
            expect(page.get_by_role("heading", name="Paid")).to_be_visible()
            expect(page.get_by_role("button")).to_have_count(0)
        self.look(page, "paid")
        with step("a bank debit is on its way"):
            page.goto(self.system.checkout("garnet", "DP-2013", "usd", 26500, "/sign-in"))
            page.get_by_label(re.compile("6789")).check()
            page.get_by_role("button", name=re.compile("^Pay")).click()
            expect(page).to_have_url(re.compile(r"/sign-in$"))
            page.go_back()
            page.reload()
            expect(page.get_by_role("heading", name="On its way")).to_be_visible()
        self.look(page, "on-its-way")
        with step("a page to pay on that there isn't says so"):
            page.goto("/sandbox/stripe/pay/cs_test_nothing")
            expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
        self.look(page, "no-such-page")

    def is_seen(self, page):
        with self.report.step(f"{self.way}: the firm sees the payment", page):
            sign_in(page, "bea")
            self.until(page, "/console/clients/cobalt", "dl.owed", "nothing")

    def until(self, page, address, place, text):
        """Looks again until it is so: a webhook takes its time."""
        end = time.monotonic() + PATIENCE_MS / 1000
        while text not in (found := self.read(page, address, place)):
            assert time.monotonic() < end, f"{address} doesn't say {text!r} yet, but {found!r}"

    @staticmethod
    def read(page, address, place):
        page.goto(address)
        return page.locator(place).first.inner_text()

"""A client's story: signs in by a mailed link, sees why the portal is locked, pays, and has it opened by the
firm; and pays from a letter, without signing in.
"""

import re
import time

from playwright.sync_api import expect

from browser import PATIENCE_MS
from page_rules import DESK, PHONE
from staff import field, sign_in

ANN = "ann@acme.example"
OWNER = "owner@garnet-cafe.example"
PASSWORD = "grass by the harbor wall"

ON_THE_PAYMENT_PAGE = re.compile(r"/sandbox/stripe/pay/")


class Contact:
    """One system, one way to look at it."""

    def __init__(self, report, browser, system, rules, has_script, theme):
        self.report = report
        self.browser = browser
        self.system = system
        self.rules = rules
        self.has_script = has_script
        self.theme = theme
        self.way = "with scripts" if has_script else "without scripts"

    def person(self, who, size):
        name = f"{who} {self.way}, {size['width']} wide, {self.theme}"
        return self.browser.person(self.report, name, self.system.url, size, self.theme, self.has_script)

    def step(self, name, page):
        return self.report.step(f"{self.way}: {name}", page)

    def look(self, page, name):
        """A page that only a story leads to."""
        if self.has_script:
            size = page.viewport_size
            self.rules.all(page, name)
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=self.theme)

    def run(self):
        with self.person("ann", PHONE) as page:
            self.comes_in(page)
            self.says(page)
            self.pays(page)
            with self.person("bea", DESK) as bea:
                self.is_opened(bea)
            self.is_in(page)
            self.keeps_safe(page)
        with self.person("an owner who doesn't sign in", PHONE) as page:
            self.pays_from_a_letter(page)

    def comes_in(self, page):
        with self.step("ann asks for a link to sign in", page):
            page.goto("/sign-in")
            form = page.locator("form", has=page.get_by_role("button", name="Mail me a link"))
            form.get_by_label("E-mail address").fill(ANN)
            form.get_by_role("button").click()
            expect(page.get_by_role("status")).to_contain_text("a link is on its way")
        with self.step("the link comes by mail, and wants a button pressed", page):
            link = self.mailed_link()
            page.goto(link)
            expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")
        self.look(page, "ann-mailed-link")
        with self.step("ann is in, and sees each of her companies", page):
            page.get_by_role("button", name="Sign in").click()
            expect(page).to_have_url(re.compile(r"/portal$"))
            expect(page.locator("section.client")).to_have_count(3)
        with self.step("the link works once", page):
            page.goto(link)
            if page.get_by_role("button", name="Sign in").count():
                page.get_by_role("button", name="Sign in").click()
            expect(page.locator("body")).to_contain_text(re.compile("used|no longer|another|new link|expired|ended"))
            page.goto("/portal")

    def says(self, page):
        with self.step("before a dispute the page says what will happen", page):
            page.goto("/portal/clients/acme/invoices/DP-2031")
            page.get_by_role("link", name="Something is wrong with it").click()
            expect(page.get_by_role("heading", name="What will happen")).to_be_visible()
        self.look(page, "ann-disputes")
        with self.step("a dispute without a reason, or of too much in words, is refused in a sentence", page):
            field(page, "What is wrong with it?").fill("Two calls, not three")
            field(page, "How much of it?").fill("lots")
            page.get_by_role("button", name="Dispute it").click()
            expect(page.get_by_role("alert")).to_have_text(re.compile(r"\.$"))
            expect(field(page, "What is wrong with it?")).to_have_value("Two calls, not three")
        with self.step("a part of an invoice is in dispute, and the rest can be paid", page):
            field(page, "How much of it?").fill("180.00")
            page.get_by_role("button", name="Dispute it").click()
            expect(page.get_by_role("status")).to_contain_text("a partner looks into it")
            page.goto("/portal/clients/acme/invoices/DP-2031")
            expect(page.locator("main")).to_contain_text("180.00 USD is in dispute")
            expect(page.get_by_role("button", name="Pay 1,000.00 USD now")).to_be_visible()
        with self.step("ann takes the dispute back", page):
            page.get_by_role("link", name="Your dispute").click()
            expect(page.locator("blockquote")).to_have_text("Two calls, not three")
            page.get_by_role("button", name="Take the dispute back").click()
            expect(page.get_by_role("status")).to_contain_text("taken back")
        with self.step("ann promises to pay by a day, and sees until when nothing comes of it", page):
            page.goto("/portal/clients/acme/invoices/DP-2031")
            page.get_by_role("link", name="Promise to pay it by a day").click()
            expect(page.locator("main")).to_contain_text("If it isn't paid by then")
            last = field(page, "I will pay by").get_attribute("max")
            field(page, "I will pay by").fill(last)
            page.get_by_role("button", name="Promise to pay").click()
            expect(page.get_by_role("status")).to_contain_text("noted")
            expect(page.locator("section.client")).to_contain_text("You promised to pay invoice DP-2031 by")
        with self.step("ann asks for a payment plan, in her own words", page):
            page.get_by_role("link", name="Ask for a payment plan").click()
            page.get_by_role("checkbox", name=re.compile("DP-2031")).check()
            field(page, "What can you pay, and when?").fill("A third each month")
            page.get_by_role("button", name="Ask for a plan").click()
            expect(page.locator("section.client")).to_contain_text("You asked for a payment plan on")
        with self.step("ann asks for the portal of a locked company to be opened, once", page):
            page.goto("/portal/clients/acme-homes")
            page.get_by_role("link", name="Ask to open it").click()
            expect(page.locator("main")).to_contain_text("nothing may be overdue")
            field(page, "What should we know?").fill("We pay today")
            page.get_by_role("button", name="Ask to open it").click()
            expect(page.locator("section.client")).to_contain_text("to open it, and looks at that")
            expect(page.get_by_role("link", name="Ask to open it")).to_have_count(0)
        with self.person("bea, who is asked", DESK) as bea:
            with self.step("bea finds what ann asked for among her tasks", bea):
                sign_in(bea, "bea")
                bea.goto("/console/clients/acme")
                expect(bea.locator(".tasks")).to_contain_text("A third each month")
                bea.goto("/console/clients/acme-homes")
                expect(bea.locator(".tasks")).to_contain_text("We pay today")
        with self.step("ann writes to the firm, and sees what she wrote", page):
            page.goto("/portal/clients/acme/messages")
            field(page, "Your message").fill("The new address is 4 Quay Street")
            page.get_by_role("button", name="Send").click()
            expect(page.get_by_role("status")).to_contain_text("with the firm")
            expect(page.locator(".timeline")).to_contain_text("4 Quay Street")
        with self.person("bea, who reads", DESK) as bea:
            with self.step("bea is told that nothing harsher happens until she has read it, and answers", bea):
                sign_in(bea, "bea")
                bea.goto("/console/clients/acme/messages")
                expect(bea.locator(".timeline")).to_contain_text("4 Quay Street")
                expect(bea.get_by_text("Unread", exact=True)).to_be_visible()
                expect(bea.get_by_role("button", name="I have read it")).to_be_visible()
                bea.get_by_role("textbox", name="Message").fill("Noted, thank you")
                bea.get_by_role("button", name="Send").click()
                expect(bea.get_by_role("status")).to_contain_text("on its way")
                expect(bea.get_by_role("button", name="I have read it")).to_have_count(0)
            self.look(bea, "bea-messages")
        with self.step("ann finds the answer beside what she wrote", page):
            page.goto("/portal/clients/acme/messages")
            expect(page.locator(".timeline")).to_contain_text("Noted, thank you")

    def mailed_link(self):
        end = time.monotonic() + PATIENCE_MS / 1000
        while time.monotonic() < end:
            for _, links in self.system.letters(ANN):
                for link in links:
                    if link.startswith("/portal/sign-in/"):
                        return link
            time.sleep(0.1)
        raise AssertionError(f"no letter to {ANN} has a link to sign in")

    def pays(self, page):
        with self.step("the lock says why, what is shut and what stays open", page):
            page.goto("/portal/clients/acme-homes")
            expect(page.locator("section.client .pill").first).to_have_text("Locked")
            expect(page.locator(".reason")).to_contain_text("1 unpaid invoice over 30 days")
            expect(page.get_by_role("heading", name="Not available now")).to_be_visible()
            expect(page.get_by_role("heading", name="Open as always")).to_be_visible()
        with self.step("a payment that the bank declines is told as such", page):
            page.get_by_role("button", name=re.compile(r"^Pay .* now")).first.click()
            expect(page).to_have_url(ON_THE_PAYMENT_PAGE)
            page.get_by_label(re.compile("0002")).check()
            page.get_by_role("button", name=re.compile("^Pay")).click()
            expect(page.get_by_role("alert")).to_contain_text("declined")
        with self.step("Pay now leads to the payment page, and back to what became of it", page):
            page.get_by_label(re.compile("4242")).check()
            page.get_by_role("button", name=re.compile("^Pay")).click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Paid, thank you")
        self.look(page, "ann-paid")
        with self.step("nothing is overdue any more, but payment alone doesn't unlock", page):
            page.goto("/portal/clients/acme-homes")
            expect(page.locator("dl.owed").first).to_contain_text(re.compile(r"Overdue\s*nothing"))
            expect(page.locator("section.client .pill").first).to_have_text("Locked")
        with self.step("there is a receipt", page):
            page.get_by_role("link", name="Payments and receipts").click()
            page.locator("table.list tbody a").first.click()
            expect(page.get_by_role("heading", level=2)).to_contain_text("Receipt")

    def is_opened(self, page):
        with self.step("bea asks for the unlock of who has paid", page):
            sign_in(page, "bea")
            page.goto("/console/clients/acme-homes/do/ask-unlock")
            page.get_by_role("button", name="Ask for unlock").click()
            expect(page.locator("header.client .pill")).to_have_text("Locked")
        with self.person("pat", PHONE) as pat:
            with self.step("pat approves on a phone", pat):
                sign_in(pat, "pat")
                pat.goto("/console/clients/acme-homes")
                pat.get_by_role("link", name="Decide on the unlock").click()
                pat.get_by_role("button", name="Approve the unlock").click()
                expect(pat.get_by_role("status")).to_contain_text("open again")

    def is_in(self, page):
        with self.step("the portal is open to ann again", page):
            page.goto("/portal/clients/acme-homes")
            expect(page.locator("section.client .pill").first).to_have_text("Open")
            expect(page.get_by_role("heading", name="Not available now")).to_have_count(0)
        with self.step("ann asks for her records, and the page says that she did", page):
            page.get_by_role("link", name="Ask for your records").click()
            page.get_by_role("button", name="Ask for the records").click()
            expect(page.locator("main")).to_contain_text("You have asked for the records")

    def keeps_safe(self, page):
        with self.step("ann sets a password", page):
            page.goto("/portal/security")
            field(page, "New password").fill(PASSWORD)
            page.get_by_role("button", name="Set the password").click()
            expect(page.get_by_role("status")).to_contain_text("Your password is set")
        with self.step("a wrong password is refused, and the address kept", page):
            page.get_by_role("button", name="Sign out").click()
            form = page.locator("form", has=field(page, "Password"))
            form.get_by_label("E-mail address").fill(ANN)
            form.get_by_label("Password").fill("not the password at all")
            form.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("alert")).not_to_be_empty()
            expect(form.get_by_label("E-mail address")).to_have_value(ANN)
        self.look(page, "ann-wrong-password")
        with self.step("the right one lets ann in", page):
            form.get_by_label("Password").fill(PASSWORD)
            form.get_by_role("button", name="Sign in").click()
            expect(page).to_have_url(re.compile(r"/portal$"))

    def pays_from_a_letter(self, page):
        links = (link for _, links in self.system.letters(OWNER) for link in links)
        letter = next(link for link in links if link.startswith("/l/"))
        with self.step("a letter's link shows what it is about, without signing in", page):
            page.goto(letter)
            expect(page.get_by_role("heading", level=1)).to_contain_text("owes")
            expect(page.get_by_role("navigation", name="Portal")).to_have_count(0)
        self.look(page, "letter")
        with self.step("a bank debit from the letter is on its way", page):
            page.get_by_role("button", name=re.compile(r"^Pay .* now")).first.click()
            expect(page).to_have_url(ON_THE_PAYMENT_PAGE)
            page.get_by_label(re.compile("6789")).check()
            page.get_by_role("button", name=re.compile("^Pay")).click()
            expect(page.get_by_role("heading", level=1)).to_contain_text("on its way")
        self.look(page, "letter-on-its-way")
        with self.step("a link that nobody was sent shows nothing", page):
            page.goto("/l/" + "A" * (len(letter) - 3))
            expect(page.locator("main")).not_to_contain_text("Garnet")
        self.look(page, "letter-unknown")

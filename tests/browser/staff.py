"""The staff's story: a billing lead does the day's work at a desk, a partner opens a portal from a phone."""

import re

from playwright.sync_api import expect

from page_rules import DESK, PHONE

SAID = "#said p.said"


def sign_in(page, who):
    """By the firm's own sign-in page, as everybody does."""
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/sign-in$"))
    page.get_by_role("link", name="Continue with your firm account").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sign in to the demo firm")
    page.get_by_role("button", name=re.compile(rf"^{who}\b")).click()
    expect(page).to_have_url(re.compile(r"/console$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def choose(page, name):
    page.get_by_role("navigation", name="Console").get_by_role("link", name=name, exact=True).click()


def field(page, label):
    return page.get_by_label(re.compile(rf"^{label}"))


class Staff:
    """One system, one way to look at it, several people."""

    def __init__(self, report, browser, system, has_script, theme):
        self.report = report
        self.browser = browser
        self.system = system
        self.has_script = has_script
        self.theme = theme
        self.way = "with scripts" if has_script else "without scripts"

    def person(self, who, size):
        name = f"{who} {self.way}, {size['width']} wide, {self.theme}"
        return self.browser.person(self.report, name, self.system.url, size, self.theme, self.has_script)

    def step(self, name, page):
        return self.report.step(f"{self.way}: {name}", page)

    def run(self):
        with self.person("bea", DESK) as page:
            self.looks_around(page)
            self.does(page)
            self.assigns(page)
        with self.person("pat", PHONE) as page:
            self.approves(page)
        with self.person("bea", DESK) as page:
            self.moves_the_day(page)
            self.imports(page)

    def looks_around(self, page):
        with self.step("bea signs in at the firm's page and sees the overview", page):
            sign_in(page, "bea")
            locked = page.get_by_role("link", name=re.compile(r"^\d+ Locked")).first
            number = int(re.match(r"\d+", locked.inner_text())[0])
        with self.step("the number of locked clients leads to just those", page):
            locked.click()
            expect(page.locator("table.list tbody tr")).to_have_count(number)
            expect(page.locator("table.list tbody .pill.locked")).to_have_count(number)
        with self.step("clients are found by a piece of their name", page):
            page.goto("/console/clients")
            page.get_by_label("Name or id").fill("dUNE")
            page.get_by_role("button", name="Show").click()
            expect(page.locator("table.list tbody tr")).to_have_count(1)
            expect(page.locator("table.list tbody tr")).to_contain_text("Dune Street Fitness")
            expect(page.get_by_label("Name or id")).to_have_value("dUNE")
        with self.step("nobody is found by what nobody is called, and there is a way back", page):
            page.get_by_label("Name or id").fill("nobody at all")
            page.get_by_role("button", name="Show").click()
            page.get_by_role("link", name="Show all").click()
            expect(page.locator("table.list tbody tr")).not_to_have_count(0)
        with self.step("who owes longest comes first, if asked for", page):
            page.get_by_label("Order").select_option(label="who owes longest first")
            page.get_by_role("button", name="Show").click()
            expect(page).to_have_url(re.compile(r"sort=oldest"))
            texts = page.locator("table.list tbody td[data-label=Overdue]").all_inner_texts()
            days = [int(found[0]) if (found := re.findall(r"\d+", text)) else 0 for text in texts]
            assert 3 < len(days) and days == sorted(days, reverse=True) and 30 < days[0], days
        with self.step("a client is shown from every side", page):
            page.goto("/console/clients/kestrel")
            name = page.get_by_role("heading", level=1).inner_text()
            expect(page.locator(".reason").first).to_be_visible()
            tabs = page.get_by_role("navigation", name="Client", exact=True).get_by_role("link")
            for tab in tabs.all_inner_texts():
                tabs.get_by_text(tab, exact=True).click()
                expect(tabs.get_by_text(tab, exact=True)).to_have_attribute("aria-current", "page")
                expect(page.get_by_role("heading", level=1)).to_have_text(name)
            assert 5 <= tabs.count()

    def does(self, page):
        with self.step("an act that is refused says why, and keeps what was typed", page):
            page.goto("/console/clients/dune/do/payment")
            amount = field(page, "Amount")
            due = amount.input_value()
            amount.fill("12,5x")
            field(page, "Reference").fill("check 4711")
            page.locator("main form button[type=submit]").click()
            expect(page.locator(SAID)).to_have_attribute("role", "alert")
            expect(amount).to_have_value("12,5x")
            expect(field(page, "Reference")).to_have_value("check 4711")
        with self.step("the field at fault is marked, has the focus, and names what is wrong", page):
            expect(amount).to_have_attribute("aria-invalid", "true")
            expect(amount).to_be_focused()
            expect(amount).to_have_accessible_description(re.compile(re.escape(page.locator(SAID).inner_text())))
        with self.step("a payment by check is recorded, and counts", page):
            amount.fill(due or "310.00")
            page.locator("main form button[type=submit]").click()
            expect(page).to_have_url(re.compile(r"/console/clients/dune$"))
            expect(page.locator(SAID)).to_have_attribute("role", "status")
            expect(page.locator("dl.owed").first).to_contain_text("nothing")
            expect(page.locator("header.client .pill")).to_have_text("Locked")
        with self.step("what was said is said once", page):
            page.goto("/console/clients/dune")
            expect(page.locator(SAID)).to_have_count(0)
        with self.step("bea asks for the unlock, and can't approve it", page):
            page.get_by_role("link", name="Ask for unlock").first.click()
            page.get_by_role("button", name="Ask for unlock").click()
            expect(page.locator(SAID)).to_contain_text("The unlock is asked for")
            choose(page, "Unlock")
            row = page.locator("section.unlock", has_text="Dune Street Fitness")
            row.locator("a.button").click()
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        with self.step("a lock by hand says before what it will do", page):
            page.goto("/console/clients/bluebird/do/lock")
            expect(page.get_by_text("What will happen")).to_be_visible()
            field(page, "Reason").fill("Signature on file doesn't match <b>&\nsecond line")
            page.get_by_role("button", name="Lock portal").click()
            expect(page.locator("header.client .pill")).to_have_text("Locked")
            expect(page.locator("header.client .reason")).to_contain_text("doesn't match <b>&")
        with self.step("a note is added for colleagues", page):
            page.goto("/console/clients/bluebird/do/note")
            field(page, "Note").fill("Called, will send the form on Monday")
            page.get_by_role("button", name="Add note").click()
            page.goto("/console/clients/bluebird/notes")
            expect(page.locator(".timeline")).to_contain_text("will send the form on Monday")

    def assigns(self, page):
        with self.step("a task is given to a colleague", page):
            choose(page, "Tasks")
            # A client's: what waits for a partner of the whole firm stands before it.
            tasks = page.locator(".tasks > li")
            first = tasks.filter(has=page.get_by_role("link", name="Assign")).first
            what = first.locator("p").nth(1).inner_text()
            first.get_by_role("link", name="Assign").click()
            page.get_by_label("To whom").select_option("pre")
            page.get_by_role("button", name="Assign").click()
            expect(page.locator(SAID)).to_contain_text("The task is assigned")
            choose(page, "Tasks")
            task = page.locator(".tasks > li", has_text=what).first
            expect(task).not_to_contain_text("nobody's yet")

    def approves(self, page):
        with self.step("pat signs in on a phone and finds who waits", page):
            sign_in(page, "pat")
            choose(page, "Unlock")
            row = page.locator("section.unlock", has_text="Dune Street Fitness")
            expect(row).to_contain_text("bea asked on")
            row.get_by_role("link", name="Decide").click()
            expect(page.get_by_role("heading", name="What an approval does")).to_be_visible()
            if self.has_script:
                page.screenshot(path=self.report.output / "pat-unlock-on-a-phone.png", full_page=True)
        with self.step("a partner approves with one touch, and the portal is open", page):
            button = page.get_by_role("button", name="Approve the unlock")
            assert 44 <= button.bounding_box()["height"], button.bounding_box()
            button.click()
            expect(page.locator(SAID)).to_contain_text("The portal is open again")
            expect(page.locator("section.unlock", has_text="Dune Street Fitness")).to_have_count(0)
            page.goto("/console/clients/dune")
            expect(page.locator("header.client .pill")).to_have_text("Open")
        with self.step("another request is rejected with a reason", page):
            choose(page, "Unlock")
            row = page.locator("section.unlock", has=page.get_by_role("link", name="Decide")).first
            name = row.get_by_role("heading").inner_text()
            row.get_by_role("link", name="Decide").click()
            field(page, "Reason").fill("The check has not cleared yet")
            page.get_by_role("button", name="Reject").click()
            expect(page.locator(SAID)).to_contain_text("rejected")
            still = page.locator("section.unlock", has_text=name)
            expect(still.get_by_role("link", name="Decide")).to_have_count(0)
        with self.step("pat signs out, and is out", page):
            page.get_by_role("button", name="Sign out").click()
            expect(page).to_have_url(re.compile(r"/sign-in"))
            page.goto("/console/clients/dune")
            expect(page).to_have_url(re.compile(r"/sign-in\?next="))

    def moves_the_day(self, page):
        with self.step("bea moves the firm's day forward, and sees what happened", page):
            sign_in(page, "bea")
            choose(page, "Day")
            before = page.locator("#today").inner_text()
            page.get_by_role("button", name=re.compile("^One day|^1 day|day forward", re.IGNORECASE)).first.click()
            expect(page.locator("#move")).to_contain_text("From ")
            expect(page.locator("#clock .happened").first).to_contain_text("Locked", ignore_case=True)
            expect(page.locator("#today")).not_to_have_text(before)
        with self.step("whoever was to be locked that day is", page):
            page.goto("/console/clients/cobalt")
            expect(page.locator("header.client .pill")).to_have_text("Locked")
        with self.step("its letters lie in the mailbox, and can be read", page):
            choose(page, "Mailbox")
            page.locator("table.list tbody a").first.click()
            expect(page.locator("pre.letter")).not_to_be_empty()

    def imports(self, page):
        bad = "client,invoice,issued,amount\nacme,T-1,2026-09-01,100.00\nacme,T-2,someday,100.00\n"
        good = "client,invoice,issued,amount\nacme,T-1,2026-09-01,100.00\nbrandnew,T-3,2026-09-01,75.50\n"
        with self.step("an import of a bad file names the line, and changes nothing", page):
            page.goto("/console/import")
            self.choose_file(page, bad)
            page.get_by_role("button", name="Preview").click()
            expect(page.locator("#result")).to_contain_text("Line 3")
            expect(page.locator("#result")).to_contain_text("someday")
        with self.step("a good file is looked at first, and then brought in", page):
            page.goto("/console/import")
            self.choose_file(page, good)
            page.get_by_role("button", name="Preview").click()
            expect(page.locator("#result")).to_contain_text("Nothing is changed yet")
            if not self.has_script:
                self.choose_file(page, good)
            page.get_by_role("button", name="Import", exact=True).click()
            expect(page.locator("#result")).to_contain_text("It is in")
            page.goto("/console/clients/brandnew")
            expect(page.locator("dl.owed").first).to_contain_text("75.50")

    @staticmethod
    def choose_file(page, text):
        page.get_by_label("CSV file").set_input_files(
            {"name": "ledger.csv", "mimeType": "text/csv", "buffer": text.encode()}
        )

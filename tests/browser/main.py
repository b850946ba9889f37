"""Walks the whole story in a real browser, and looks at every kind of page.

    main.py --portcullis PROGRAM [--chromium PROGRAM] --output FOLDER [--only PART]

`cargo xtask browser` runs it, as `cargo xtask test` does. Pictures of what was seen stay in the folder.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import faults
from browser import Browser
from contact import ANN, OWNER, Contact
from newcomer import Newcomer
from page_rules import Rules
from pages import crawl
from payer import Payer
from report import Report, Stop
from staff import Staff, sign_in
from system import Systems

# Where much is to be seen: long names, two currencies, long histories, tasks that only partners close.
FULL = ["/console/clients/yarrow", "/console/clients/nordlicht/invoices", "/console/clients/saint-elodie"]

# The second step of a page: a form leads to it, and no link.
PLAN = "/console/clients/acme-homes/plan?invoice=DP-2010&number=3&first=2026-10-31&every=month"

# The same of what staff put in and correct: as it is looked at, and with what is wrong beside its field.
INVOICE = "/console/clients/saint-elodie/do/invoice?invoice=X-1&total.currency=USD"
LINES = "&what0=Tax+return&quantity0=2&unit0=150.00&tax0=24.30&what1=A+letter+to+the+tax+office&unit1=80.00"
CHANGE = "/console/clients/saint-elodie/do/change?class=default&currency=USD&terms_allow_late_fee:bool=true"
CREDIT = "/console/clients/larch/do/credit-note?credit_note=N-1&amount.currency=USD"
REFUND = "/console/clients/larch/payments/staff%3ACHK-881/do/refund?amount.currency=USD&refund=R-1"
LOOKED_AT = [
    INVOICE + LINES,
    INVOICE + LINES.replace("150.00", "150.005"),
    CHANGE + "&name=Saint+Elodie&service_lines:list=tax,+audit",
    CHANGE + "&name=&service_lines:list=",
    CREDIT + "&amount.amount=100.00",
    CREDIT + "&amount.amount=lots",
    REFUND + "&amount.amount=",
    REFUND + "&amount.amount=99999.00",
]

# Kinds of pages to which only a button or a hint leads.
SEEN = [
    "/console/mails",
    "/console/unclaimed/*",
    "/console/settings/ledger",
    "/console/settings/numbering",
    "/console/concerns",
    "/console/settings/gateways",
    "/console/settings/gateways/*",
    "/console/settings/gateways/new/stripe",
    "/console/settings/gateways/new/lawpay",
    "/console/clients/*/do/people",
    "/console/clients/*/do/change",
    "/console/clients/*/do/invoice",
    "/console/clients/*/do/credit-note",
    "/console/clients/*/invoices/*/do/credit-note",
    "/console/clients/*/invoices/*/do/review-dispute",
    "/console/clients/*/payments/*/do/refund",
    "/console/clients/*/payments/*/do/return",
]

# Whoever comes later looks at what the others don't see.
STAFF = ["bea", "pat", "ada", "pre"]


class Parts:
    """The parts, each on a system of its own; what one of them fails at leaves the others alone."""

    def __init__(self, report, browser, systems, page_rules):
        self.report = report
        self.browser = browser
        self.systems = systems
        self.page_rules = page_rules

    def rules(self):
        with self.browser.person(self.report, "a page with faults", "about:blank") as page:
            faults.are_noticed(self.report, page, self.report.output)

    def newcomer(self):
        with self.systems.fresh("newcomer") as system:
            Newcomer(self.report, self.browser, system).run()

    def staff(self):
        with self.systems.fresh("staff") as system:
            Staff(self.report, self.browser, system, has_script=True, theme="light").run()

    def staff_without_scripts(self):
        with self.systems.fresh("staff-without-scripts") as system:
            Staff(self.report, self.browser, system, has_script=False, theme="dark").run()

    def contact(self):
        with self.systems.fresh("contact") as system:
            Contact(self.report, self.browser, system, self.page_rules, has_script=True, theme="light").run()

    def contact_without_scripts(self):
        with self.systems.fresh("contact-without-scripts") as system:
            Contact(self.report, self.browser, system, self.page_rules, has_script=False, theme="dark").run()

    def payer(self):
        with self.systems.fresh("payer") as system:
            Payer(self.report, self.browser, system, self.page_rules, has_script=True).run()

    def payer_without_scripts(self):
        with self.systems.fresh("payer-without-scripts") as system:
            Payer(self.report, self.browser, system, self.page_rules, has_script=False).run()

    def pages(self):
        with self.systems.fresh("pages") as system:
            seen = set()
            system.take("nobody-known", 4_000)
            with self.browser.person(self.report, "nobody", system.url) as page:
                crawl(page, self.page_rules, "nobody", "/sign-in", seen)
            for who in STAFF:
                with self.browser.person(self.report, who, system.url) as page:
                    sign_in(page, who)
                    crawl(page, self.page_rules, who, "/console", seen, FULL if who == "bea" else [])
                    if who == "bea":
                        self.page_rules.at(page, who, "/console/clients?q=nobody+at+all")
                        self.page_rules.at(page, who, "/console/clients/nobody", status=404)
                        for address in LOOKED_AT:
                            self.page_rules.at(page, who, address)
                    if who == "pat":
                        self.page_rules.at(page, who, PLAN)
                        self.page_rules.at(page, who, PLAN.replace("number=3", "number=many"))
            for kind_of_page in SEEN:
                self.report.is_so(f"{kind_of_page} was looked at", kind_of_page in seen, sorted(seen))
            for who in [ANN, OWNER]:
                with self.browser.person(self.report, who, system.url) as page:
                    page.goto(system.links[who])
                    page.get_by_role("button").first.click()
                    page.wait_for_url("**/portal*")
                    crawl(page, self.page_rules, who.split("@")[0], "/portal", seen)
            kinds = len(seen)
            self.report.is_so(f"{kinds} kinds of pages were looked at", 40 < kinds, kinds)

    def run(self, only):
        parts = [
            self.rules,
            self.newcomer,
            self.staff,
            self.staff_without_scripts,
            self.contact,
            self.contact_without_scripts,
            self.payer,
            self.payer_without_scripts,
            self.pages,
        ]
        known = {part.__name__: part for part in parts}
        for name, part in known.items():
            if only and name not in only:
                continue
            print(f"-- {name.replace('_', ' ')}", flush=True)
            try:
                part()
            except Stop as stop:
                print(f"       {name} ends at: {stop}", flush=True)
            except Exception as error:
                self.report.is_so(f"{name} goes to its end", False, f"{type(error).__name__}: {error}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--portcullis", type=Path, required=True)
    parser.add_argument("--chromium")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", action="append")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.output, ignore_errors=True)
    arguments.output.mkdir(parents=True)
    report = Report(arguments.output)
    with tempfile.TemporaryDirectory() as folder, Browser(arguments.chromium) as browser:
        systems = Systems(arguments.portcullis.resolve(), Path(folder) / "systems")
        systems.live()
        Parts(report, browser, systems, Rules(report, arguments.output)).run(arguments.only)
    print(f"pictures are in {arguments.output}")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())

"""What holds for each page, whoever looks at it and however: WCAG 2.2 AA by axe, light and dark; all of it
by keyboard; no wider than a phone; light to load; nothing from elsewhere.

A script of ours is evaluated in the page. That is done by the browser's inspector, which the pages' policy
against foreign scripts doesn't concern; without that policy nothing would differ.
"""

from collections import Counter
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe

from kinds import file_name, kind

# The whole of it: HTML and what that loads, uncompressed, without images.
MAX_BYTES = 100_000

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
# As wide as 1280 pixels are at 400 % (WCAG 1.4.10).
NARROWEST = {"width": 320, "height": 640}

THEMES = ["light", "dark"]

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
ALL_RULES = {
    "runOnly": {"type": "tag", "values": TAGS},
    # axe leaves it out unless it is asked for by name (WCAG 2.5.8: targets of at least 24 pixels).
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations", "passes"],
}

SCRIPT = (Path(__file__).parent / "page_rules.js").read_text(encoding="utf-8")

# More than any page has: a trap for the keyboard shows as a walk that doesn't end.
MAX_STOPS = 600


class Rules:
    """Checks pages, and keeps what they look like."""

    def __init__(self, report, output: Path):
        self.report = report
        self.output = output
        self.axe = Axe()
        self.names = Counter()

    def at(self, page, who, address, status=200):
        """Goes there and looks; false if there is no page."""
        answer = page.goto(address)
        is_page = answer.status == status and "text/html" in answer.headers.get("content-type", "")
        if not is_page:
            found = f"{answer.status} {answer.headers.get('content-type')}"
            self.report.is_so(f"{who} at {address} is a page", False, found)
            return False
        name = f"{who}-{file_name(kind(address))}"
        self.names[name] += 1
        self.all(page, name if self.names[name] == 1 else f"{name}-{self.names[name]}")
        return True

    def all(self, page, name):
        """Everything that can be asked of a page as it stands, without changing anything."""
        asked = page.evaluate_handle(SCRIPT)
        faults = []
        weight = asked.evaluate("rules => rules.weight()")
        if not 1_000 < weight < MAX_BYTES:
            faults.append(f"it weighs {weight} bytes with what it loads")
        headings = page.locator("h1:visible").count()
        if headings != 1:
            faults.append(f"{headings} headings of the first rank")
        faults += [f"out of order: {what}" for what in asked.evaluate("rules => rules.reordered()")]
        for size, label in [(DESK, "1280"), (PHONE, "390")]:
            page.set_viewport_size(size)
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                self.picture(page, f"{name}-{label}-{theme}")
                faults += [f"{label} {theme}: {fault}" for fault in self.axe_faults(page)]
        faults += self.overflow(asked, "390")
        faults += self.keyboard(page, asked)
        page.set_viewport_size(NARROWEST)
        faults += self.overflow(asked, "320")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(DESK)
        faults += self.keyboard(page, asked)
        faults += self.skip(page, asked)
        asked.dispose()
        self.report.check(f"{name}: axe, keyboard, reflow, weight {weight // 1000} KB", dict.fromkeys(faults))

    def picture(self, page, name):
        page.screenshot(path=self.output / f"{name}.png", full_page=True)

    def axe_faults(self, page):
        found = self.axe.run(page, options=ALL_RULES).response
        if not any(rule["id"] == "color-contrast" for rule in found["passes"]):
            yield "axe saw no text"
        for rule in found["violations"]:
            for node in rule["nodes"][:3]:
                reasons = [check["message"] for check in node["any"] + node["all"] + node["none"]]
                yield f"{rule['id']}: {rule['help']}: {node['html'][:160]}: {'; '.join(reasons)[:300]}"

    def overflow(self, asked, label):
        return [f"wider than {label}: {what}" for what in asked.evaluate("rules => rules.overflowing()")]

    def keyboard(self, page, asked):
        """Tab comes by everything, in the order of the document, and shows where it is."""
        expected = asked.evaluate("rules => rules.names()")
        page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
        # From the start of the document, wherever the browser was before.
        page.evaluate(
            "const start = document.createElement('span'); start.tabIndex = -1; document.body.prepend(start);"
            "start.focus(); start.remove()"
        )
        faults, at = [], -1
        for _ in range(MAX_STOPS):
            if at + 1 == len(expected):
                break
            page.keyboard.press("Tab")
            stop = asked.evaluate("rules => rules.focused()")
            faults += [f"{stop['name']}: {fault}" for fault in stop["faults"]]
            if stop.get("isFrame") or (stop["at"] == at and stop.get("hasParts")):
                continue
            at += 1
            if stop["at"] != at:
                return [*faults, f"Tab leads to {stop['name']} instead of {expected[at]}"]
        return faults if at + 1 == len(expected) else [*faults, f"Tab doesn't get beyond {expected[at]}"]

    def skip(self, page, asked):
        """Who uses a keyboard needn't walk through the navigation on each page."""
        if page.locator("nav").count() == 0 or page.locator("a.skip").count() == 0:
            has_much_before = page.evaluate("document.querySelector('header nav') !== null")
            return ["no way around the navigation"] if has_much_before else []
        link = page.locator("a.skip")
        link.focus()
        box = link.bounding_box()
        faults = [] if box and 0 <= box["x"] and 0 <= box["y"] else ["the skip link isn't shown when it has the focus"]
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        is_within = page.evaluate(
            "document.activeElement === document.body || document.querySelector('main').contains(document.activeElement)"
            " || document.querySelector('main').compareDocumentPosition(document.activeElement) === 4"
        )
        return faults if is_within else [*faults, "the skip link doesn't lead into the content"]

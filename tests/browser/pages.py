"""Every kind of page, found by following links from where a person comes in, so that a new page is checked
without being named here. Of each kind the one that comes first is looked at: more of them show little more,
and take as long.
"""

from html.parser import HTMLParser
from urllib.parse import urljoin

from kinds import kind

# Links of so many pages of a kind are followed: of each client of the demo firm, since each is in another
# state and has links of its own.
OF_EACH_KIND = 30


class Links(HTMLParser):
    """The addresses that a page leads to, in its order."""

    def __init__(self, address, html):
        super().__init__()
        self.address = address
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        to = dict(attributes).get("href")
        if tag == "a" and to:
            self.found.append(urljoin(self.address, to).split("#")[0])


def found(page, start):
    """The first page of each kind that can be reached from `start` on, in the order of finding. A file that is kept,
    a statement or a report, is no page."""
    waiting, known, numbers = [start], {start}, {kind(start): 1}
    first, kinds = [], set()
    while waiting:
        address = waiting.pop(0)
        answer = page.request.get(address)
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        if kind(address) not in kinds:
            kinds.add(kind(address))
            first.append(address)
        for path in Links(address, answer.text()).found:
            number = numbers.get(kind(path), 0)
            if not path.startswith("/") or path in known or OF_EACH_KIND <= number:
                continue
            numbers[kind(path)] = number + 1
            known.add(path)
            waiting.append(path)
    return first


def crawl(page, rules, who, start, seen, also=()):
    """Looks at each kind of page from `start` on that isn't in `seen` yet."""
    for address in also:
        rules.at(page, who, address)
    seen.update(kind(address) for address in also)
    for address in found(page, start):
        if kind(address) not in seen:
            seen.add(kind(address))
            rules.at(page, who, address)

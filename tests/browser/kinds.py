"""Kinds of pages: those that differ only in whose they are count as one."""

import re
from urllib.parse import urlsplit

# What stands between these in an address is somebody's name, and not the kind of page.
WHOSE = [
    (re.compile(r"^(/console|/portal)/clients/[^/]+"), r"\1/clients/*"),
    (re.compile(r"/invoices/[^/]+"), "/invoices/*"),
    (re.compile(r"/letters/[^/]+"), "/letters/*"),
    (re.compile(r"/unlock/[^/]+"), "/unlock/*"),
    (re.compile(r"/unclaimed/[^/]+"), "/unclaimed/*"),
    (re.compile(r"/mails/[^/]+"), "/mails/*"),
    (re.compile(r"/links/[^/]+"), "/links/*"),
    (re.compile(r"/contacts/k-[^/]+"), "/contacts/*"),
    (re.compile(r"/policies/[^/]+"), "/policies/*"),
    (re.compile(r"/gateways/(?!new/)[^/]+"), "/gateways/*"),
    (re.compile(r"/mailbox/[^/]+"), "/mailbox/*"),
    (re.compile(r"/import/[^/]+"), "/import/*"),
    (re.compile(r"/payments/[^/]+"), "/payments/*"),
    (re.compile(r"/checkouts/[^/]+"), "/checkouts/*"),
    (re.compile(r"^/l/[^/]+"), "/l/*"),
    (re.compile(r"^/portal/sign-in/[^/]+"), "/portal/sign-in/*"),
    (re.compile(r"/[0-9]+(?=/|$)"), "/*"),
    (re.compile(r"-[0-9]+$"), "-*"),
]


def kind(address):
    """What kind of page an address leads to: its path without names, and what it is asked for."""
    parts = urlsplit(address)
    path = parts.path
    for pattern, instead in WHOSE:
        path = pattern.sub(instead, path)
    asked = sorted(part.split("=")[0] for part in parts.query.split("&") if part)
    return path + ("?" + "&".join(asked) if asked else "")


def file_name(address):
    """A kind as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", address.lower().replace("*", "x")).strip("-") or "front"

"""The system under test: the real program, on a demo firm of its own for each story.

The demo firm's three months are lived once; each story starts on a copy of that data, so that none depends
on what another one did.
"""

import email
import email.policy
import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

# It lives three months before it first answers; a busy machine takes its time.
START_SECONDS = 180
STOP_SECONDS = 30

# What the sandbox takes for a key, and the version of Stripe's API that it speaks.
KEY = "sk_test_sandbox"
VERSION = "2026-09-30.endive"


class System:
    """`portcullis up --demo`, for as long as the `with` lasts."""

    def __init__(self, program: Path, data: Path):
        self.program = program
        self.data = data
        self.url = ""
        self.links = {}
        self.tokens = {}

    def __enter__(self):
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = open(self.data.with_suffix(".log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [self.program, "up", "--demo", "--port", "0", "--data", self.data],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.read_until_ready()
        return self

    def read_until_ready(self):
        """What it prints says where it is, and how people come in."""
        who = ""
        for line in self.process.stdout:
            self.log.write(line)
            text = line.strip()
            if text.startswith("Portcullis answers on "):
                self.url = text.rsplit(" ", 1)[1]
            elif " (" in text and text.endswith("):"):
                who = text.split(" (", 1)[0]
            elif text.startswith("ey"):
                self.tokens[who] = text
            elif who and text.startswith("http"):
                self.links[who] = text
            elif text.startswith("Stop it"):
                return
        self.process.wait(STOP_SECONDS)
        raise RuntimeError(f"the system ended before it was ready: {self.log.name} says why")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def api(self, who, path):
        """What the staff's API says."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "X-Portcullis-Firm": "demo"}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers)) as answer:
            return json.load(answer)

    def letters(self, address):
        """The letters to that address, the newest first: their subjects, and the paths of their links."""
        found = []
        for path in sorted((self.data / "mailbox").glob("*.eml"), reverse=True):
            letter = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if address in str(letter["To"]):
                text = letter.get_body(("plain",)).get_content()
                # It may have been written when the system was at another port.
                found.append((str(letter["Subject"]), re.findall(r"http://localhost:\d+(/[^\s>]*)", text)))
        return found

    def checkout(self, client, invoice, currency, minor, back):
        """A page to pay that invoice on, as the gateway makes one."""
        about = {"firm": "demo", "client": client, "invoices": invoice}
        form = {
            "mode": "payment",
            "client_reference_id": client,
            "success_url": self.url + back,
            "cancel_url": self.url + back,
            "payment_method_types[0]": "card",
            "payment_method_types[1]": "us_bank_account",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": currency,
            "line_items[0][price_data][unit_amount]": str(minor),
            "line_items[0][price_data][product_data][name]": f"Invoice {invoice}",
        }
        for prefix in ["metadata", "payment_intent_data[metadata]"]:
            form.update({f"{prefix}[{name}]": value for name, value in about.items()})
        request = urllib.request.Request(
            f"{self.url}/v1/checkout/sessions",
            urllib.parse.urlencode(form).encode(),
            {"Authorization": f"Bearer {KEY}", "Stripe-Version": VERSION},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["url"]

    def take(self, client, minor):
        """Money that the gateway tells of for that client, which nobody here may know."""
        about = {"firm": "demo", "client": client}
        act = {"act": "take", "amount": minor, "currency": "usd", "metadata": about, "by": "card"}
        request = urllib.request.Request(
            f"{self.url}/sandbox/stripe/acts", json.dumps(act).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request).close()


class Systems:
    """Systems that begin alike."""

    def __init__(self, program: Path, folder: Path):
        self.program = program
        self.folder = folder
        self.first = folder / "first"

    def live(self):
        """The demo firm's months, once."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with System(self.program, self.first):
            pass

    def fresh(self, name):
        """A system for one story."""
        data = self.folder / name
        shutil.copytree(self.first, data)
        return System(self.program, data)

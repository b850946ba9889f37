"""One firm at the deployment, as its staff, its clients and whoever runs it see it."""

import csv
import json
from datetime import date, datetime, timedelta

from clock import BEGIN
from report import same, until

FIRM = "oak"
DOMAIN = "oak.example"
OTHER = "elm"

# The staff: the subject that the issuer knows them by, the short name, the role.
STAFF = [("sub-ada", "ada", "admin"), ("sub-bea", "bea", "billing_lead"), ("sub-pat", "pat", "partner")]

# How far the clock goes on at once where something waits for a lease or a queue, and how often: hours in all, and
# the day is not over yet.
WAIT_MINUTES = 15
MOST_WAITS = 16


def address(client):
    """Where its letters go."""
    return f"ann@{client}.example"


class Firm:
    """Talks to all of it from outside."""

    def __init__(self, report, stack, clock, issuer, portcullis, sandbox, docs, folder):
        self.report = report
        self.stack = stack
        self.clock = clock
        self.issuer = issuer
        self.portcullis = portcullis
        self.sandbox = sandbox
        self.docs = docs
        self.folder = folder
        self.endpoint = ""
        self.events = ""
        self.entries = []

    @classmethod
    def of(cls, other):
        """The same firm, later."""
        later = cls.__new__(cls)
        later.__dict__.update(other.__dict__)
        return later

    def token(self, staff):
        """One for a person who just signed in."""
        subjects = {name: subject for subject, name, _ in STAFF} | {"eve": "sub-eve"}
        return self.issuer.token(subjects[staff])

    def get(self, who, path):
        """What the staff's API says; it has to answer well."""
        answer = self.stack.http("GET", f"/firm/v1{path}", self.token(who))
        same(answer.status, 200, f"GET {path}: {answer.text}")
        return answer.json()

    def act(self, who, method, path, body, status):
        """Likewise, something that is to be done."""
        answer = self.stack.http(method, f"/firm/v1{path}", self.token(who), body)
        same(answer.status, status, f"{method} {path}: {answer.text}")
        return answer.json()

    def portal(self, client):
        """How the client's portal stands."""
        return self.get("bea", f"/clients/{client}")["portal"]

    def mails(self, to, subject):
        """Those to that address whose subject begins so."""
        return [m for m in self.stack.inbox() if to in m["To"] and m["Subject"].startswith(subject)]

    def told(self):
        """The entries that came by the bus, each once: what the queue of the test's own rule has gathered."""
        sqs = self.stack.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.events, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.entries.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.events, ReceiptHandle=message["ReceiptHandle"])
        return self.entries

    def of_kind(self, kind, client):
        """Those of one kind about one client."""
        return [e for e in self.told() if e["detail-type"] == kind and e["detail"]["client"] == client]

    def verify(self, *words):
        """`audit verify` with the archive."""
        bucket = self.stack.outputs["ArchiveBucketName"]
        return self.portcullis.run(*self.docs.command("audit verify", ARCHIVE_BUCKET=bucket), *words)

    def is_at_rest(self):
        """Nothing is under way: the queues are empty, and what was committed is archived."""
        queues = ["LettersQueueUrl", "EvaluationsQueueUrl", "MailEventsQueueUrl"]
        if any(self.stack.waiting(queue) for queue in queues):
            return False
        return " 0 records not archived yet" in self.verify().text

    def at_rest(self):
        """Comes to it."""
        try:
            until("nothing is under way", self.is_at_rest)
        except AssertionError as error:
            raise AssertionError(f"{error}; audit verify says: {self.verify().text}") from error

    def days_pass(self, days=1):
        """It is the morning, so many days later. What the stream tells must be taken in before: it forgets after one."""
        self.at_rest()
        self.clock.go_to(datetime.combine(self.clock.day() + timedelta(days=days), BEGIN.timetz()))

    def after_a_while(self, what, look):
        """Likewise `until`, while the clock goes on: for what waits for a lease or a queue."""
        for _ in range(MOST_WAITS):
            try:
                return until(what, look, seconds=1.5)
            except AssertionError:
                self.clock.go_on(minutes=WAIT_MINUTES)
        return until(what, look)

    def imports(self, clients):
        """`import` of a ledger: by client its invoice, how many days ago that was due, and the amount."""
        path = self.folder / "ledger.csv"
        with open(path, "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["client", "client_name", "contact_email", "invoice", "issued", "due", "currency", "amount"])
            for client, (invoice, days, amount) in clients.items():
                due = self.clock.day().toordinal() - days
                days = [date.fromordinal(due - 20), date.fromordinal(due)]
                rows.writerow([client, client.title(), address(client), invoice, *days, "USD", amount])
        words = self.docs.command("import", **{"ledger.csv": str(path)})
        return self.portcullis.does(*words)

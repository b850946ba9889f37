"""From an empty account to the first lock and back. All of it from outside."""

import hashlib
import json
import re

from command import LIVE_KEY, SIGNING
from firm import DOMAIN, FIRM, OTHER, STAFF, Firm, address
from report import same, until

# Clients, their one invoice, and how many days ago it was due. Few enough that no cap asks a partner (LOCK-10).
CLIENTS = {
    "acme": ("A-1001", 45, "1200.00"),
    "birch": ("A-1002", 40, "300.00"),
    "cedar": ("A-1003", 5, "80.00"),
}

# Each is warned, and locked three days later at the earliest (LOCK-7).
LOCKED = ["acme", "birch"]


class Story(Firm):
    """A deployment's first days."""

    def run(self):
        """All of it, in order."""
        self.opens()
        self.doors()
        self.mail_domain()
        self.gateway()
        self.ledger()
        self.warned()
        self.locked()
        self.pays()
        self.unlocked()

    def opens(self):
        check = self.report.check
        with check("a rule of one's own on the stack's bus hears what happens"):
            self.listens()
        with check("`firm open` and `firm grant` open a firm and let its people in, on AWS as the docs say"):
            text = self.portcullis.does(*self.docs.command("firm open"))
            assert f"firm {FIRM} is open" in text, text
            [(subject, staff, _), *others] = STAFF
            text = self.portcullis.does(*self.docs.command("firm grant", SUB=subject))
            assert f"{staff} works at firm {FIRM}" in text, text
            for subject, staff, role in others:
                self.grant(FIRM, subject, staff, role)
            self.portcullis.does("firm", "open", "--firm", OTHER, "--name", "Elm Ltd", "--zone", "America/New_York")
            self.grant(OTHER, "sub-eve", "eve", "billing_lead", "admin")
        with check("a test firm is refused: its letters would leave (TEST-1)"):
            ended = self.portcullis.run(
                "firm", "open", "--firm", "trial", "--name", "T", "--zone", "UTC", "--test"
            )
            assert ended.code == 2 and "TEST-1" in ended.text, ended.text

    def listens(self):
        sqs, events = self.stack.client("sqs"), self.stack.client("events")
        self.events = sqs.create_queue(QueueName="events-of-the-test")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.events, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        bus = self.stack.outputs["EventBusName"]
        pattern = json.dumps({"source": ["portcullis"], "detail": {"firm": [FIRM]}})
        events.put_rule(Name="to-the-test", EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule="to-the-test", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

    def grant(self, firm, subject, staff, *roles):
        words = [word for role in roles for word in ["--role", role]]
        self.portcullis.does(
            "firm", "grant", "--firm", firm, "--subject", subject, "--staff", staff, "--name", staff.title(), *words
        )

    def doors(self):
        check, http = self.report.check, self.stack.http
        with check("the public address shows the front page, and where to sign in"):
            front = http("GET", "/", headers={"Accept": "text/html"})
            assert front.status in (200, 302, 303), front.status
            page = http("GET", "/sign-in", headers={"Accept": "text/html"})
            assert page.status == 200 and "<html" in page.text, page.text[:200]
            assert "content-security-policy" in {name.lower() for name in page.headers}, page.headers
        with check("a token of the issuer opens the staff's API, and says who"):
            me = self.get("ada", "/me")
            assert me["staff"] == "ada", me
        with check("the API itself turns away no token, a forged one, one for others, and one that is over"):
            bad = [
                None,
                self.issuer.token("sub-ada", key=self.issuer.other_key()),
                self.issuer.token("sub-ada", aud="somebody-else"),
                self.issuer.token("sub-ada", exp=int(self.clock.now().timestamp()) - 60),
            ]
            same([http("GET", "/firm/v1/me", token).status for token in bad], [401] * len(bad))
        with check("the functions turn away what no gateway knows: no second factor, no grant, a stale sign-in (SEC-2)"):
            one_factor = http("GET", "/firm/v1/me", self.issuer.token("sub-ada", amr=["pwd"]))
            stranger = http("GET", "/firm/v1/me", self.issuer.token("sub-nobody"))
            same((one_factor.status, stranger.status), (401, 403), f"{one_factor.text} {stranger.text}")
            stale = self.issuer.token("sub-ada", auth_time=int(self.clock.now().timestamp()) - 7200)
            stale = http("PUT", "/firm/v1/mail-domain", stale, {"domain": DOMAIN})
            assert stale.status in (401, 403), stale.text
        with check("a POST, which no authorizer reads, is turned away by the function"):
            same(http("POST", "/firm/v1/clients", None, {}).status, 401)

    def mail_domain(self):
        with self.report.check("an admin sets the firm's mail domain up, and SES has it, marked as the firm's (LET-2)"):
            self.act("ada", "PUT", "/mail-domain", {"domain": DOMAIN}, 200)
            found = self.get("ada", "/mail-domain")
            assert not found["is_verified"] and found["records"], found
            identity = self.stack.client("sesv2").get_email_identity(EmailIdentity=DOMAIN)
            mark = hashlib.sha256(f"mail domain of {FIRM}".encode()).hexdigest()
            assert {"Key": "portcullis-firm", "Value": mark} in identity["Tags"], identity
            same(self.stack.gate.mail_from[DOMAIN]["MailFromDomain"], f"bounce.{DOMAIN}")
        with self.report.check("once its records are in DNS, looking again says that it is verified"):
            self.stack.gate.published.add(DOMAIN)
            found = self.act("ada", "PUT", "/mail-domain", {"domain": DOMAIN}, 200)
            assert found["is_verified"], found
        with self.report.check("another firm can't have it"):
            answer = self.stack.http("PUT", "/firm/v1/mail-domain", self.token("eve"), {"domain": DOMAIN})
            assert answer.status in (409, 422), answer.text
        with self.report.check("the admin says what letters say of the firm"):
            settings = {"mail_from": f"billing@{DOMAIN}", "postal_address": "1 Oak Street, Springfield"}
            self.act("ada", "PATCH", "/settings", settings, 200)

    def gateway(self):
        key = self.stack.outputs["SecretsKeyArn"]
        with self.report.check("`firm gateway` connects Stripe in two steps, and seals its secrets under the stack's key"):
            first = self.docs.command("firm gateway", SECRETS_KEY_ARN=key)
            text = self.portcullis.does(*first, given=json.dumps({"key": LIVE_KEY}))
            self.endpoint = re.search(r"/webhooks/stripe/([A-Za-z0-9_-]+)", text).group(1)
            both = json.dumps({"key": LIVE_KEY, "signing": [SIGNING]})
            second = self.docs.command("firm gateway", which=1, SECRETS_KEY_ARN=key, ID=self.endpoint)
            text = self.portcullis.does(*second, given=both)
            assert "stripe is connected" in text, text
            items = json.dumps(self.stack.client("dynamodb").scan(TableName=self.stack.outputs["TableName"]), default=str)
            assert LIVE_KEY not in items and SIGNING not in items, "a secret stands in the table"

    def ledger(self):
        with self.report.check("`import` brings the ledger in, and a second time changes nothing (EVAL-2)"):
            text = self.imports(CLIENTS)
            assert f"{len(CLIENTS)} new clients" in text and f"{len(CLIENTS)} new invoices" in text, text
            text = self.imports(CLIENTS)
            assert f"{len(CLIENTS)} unchanged" in text, text
        with self.report.check("it fires nothing by itself: nobody is written to or locked"):
            same([self.portal(client) for client in CLIENTS], ["open"] * len(CLIENTS))
            same([m["Subject"] for m in self.stack.inbox()], [])

    def warned(self):
        with self.report.check("the next day begins by the stack's own schedule, and whoever is overdue is warned once"):
            self.days_pass()
            for client in CLIENTS:
                until(f"{client} is warned", lambda: self.mails(address(client), "Invoice "))
            self.at_rest()
            for client, (invoice, _, _) in CLIENTS.items():
                letters = self.mails(address(client), "Invoice ")
                same(len(letters), 1, [m["Subject"] for m in letters])
                assert invoice in letters[0]["Subject"], letters[0]["Subject"]
                same(letters[0]["Source"], f"billing@{DOMAIN}")
        with self.report.check("nobody is locked on the day of the warning (LOCK-7)"):
            same([self.portal(client) for client in CLIENTS], ["open"] * len(CLIENTS))

    def locked(self):
        with self.report.check("three days later the old debts are locked, with a reason in numbers, and no other"):
            self.days_pass(3)
            until("they are locked", lambda: all(self.portal(client) == "locked" for client in LOCKED))
            same(self.portal("cedar"), "open")
            lock = self.get("bea", "/clients/acme")["lock"]
            same(lock["reason"], "1 unpaid invoice over 30 days")
        with self.report.check("the demand letter that goes with the lock lies in the inbox, once each"):
            for client in LOCKED:
                until(f"{client} has it", lambda: self.mails(address(client), "Your client portal is locked"))
            self.at_rest()
            for client in LOCKED:
                same(len(self.mails(address(client), "Your client portal is locked")), 1, client)
        with self.report.check("the lock is told on the bus once, without a personal word"):
            until("it is told", lambda: self.of_kind("ClientLocked", "acme"))
            same(len(self.of_kind("ClientLocked", "acme")), 1)
            assert "@" not in json.dumps(self.told()), "an address is on the bus"

    def pays(self):
        with self.report.check("the letter's link leads to a page that says what is owed, through the API"):
            letter = self.mails(address("acme"), "Your client portal is locked")[0]
            public = re.escape(self.stack.outputs["PublicAddress"])
            link = re.search(rf"{public}/l/([A-Za-z0-9_.-]+)", letter["BodyText"]).group(1)
            page = self.stack.http("GET", f"/l/{link}", headers={"Accept": "text/html"})
            assert page.status == 200 and "1,200.00" in page.text, page.text[:400]
        with self.report.check("the client makes a page to pay on, and pays in the sandbox"):
            body = {"invoices": ["A-1001"]}
            made = self.stack.http("POST", f"/portal/v1/links/{link}/checkouts", None, body)
            same(made.status, 201, made.text)
            self.sandbox.pay(made.json()["url"].rsplit("/", 1)[1])
        with self.report.check("a webhook that is not signed by the gateway is refused (PAY-2)"):
            delivery = self.sandbox.deliveries()[0]
            forged = self.webhook(delivery["body"], delivery["header"].replace("v1=", "v1=0"))
            assert 400 <= forged.status < 500, forged.text
            same(self.portal("acme"), "locked")
        with self.report.check("signed webhooks, each twice: the payment is read back and counts once (PAY-1)"):
            for delivery in self.sandbox.deliveries():
                for _ in range(2):
                    answer = self.webhook(delivery["body"], delivery["header"])
                    same(answer.status, 200, answer.text)
                self.sandbox.taken(delivery["event"])
            until("nothing is owed", lambda: not self.get("bea", "/clients/acme")["overdue"])
            payments = self.get("bea", "/clients/acme/payments")["items"]
            same(len(payments), 1, payments)
        with self.report.check("payment alone opens nothing (UNL-1)"):
            same(self.portal("acme"), "locked")

    def webhook(self, body, signature):
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        return self.stack.http("POST", f"/webhooks/stripe/{self.endpoint}", headers=headers, raw=body.encode())

    def unlocked(self):
        with self.report.check("bea asks for the unlock, may not approve it herself, and pat approves it (UNL-1)"):
            request = self.act("bea", "POST", "/clients/acme/unlock-requests", {}, 201)["id"]
            own = self.stack.http("POST", f"/firm/v1/unlock-requests/{request}/approve", self.token("bea"), {})
            assert own.status in (403, 409), own.text
            self.act("pat", "POST", f"/unlock-requests/{request}/approve", {}, 200)
            same(self.portal("acme"), "open")
        with self.report.check("\"Welcome back\" lies in the inbox once, and the unlock is told on the bus once"):
            until("it came", lambda: self.mails(address("acme"), "Welcome back"))
            until("it is told", lambda: self.of_kind("ClientUnlocked", "acme"))
            self.at_rest()
            same(len(self.mails(address("acme"), "Welcome back")), 1)
            same(len(self.of_kind("ClientUnlocked", "acme")), 1)

"""What goes wrong on the way: functions that die in the middle, messages that nobody can handle, hands on the trail."""

import json
import uuid
from datetime import date

from firm import FIRM, OTHER, Firm, address
from report import same, until
from stack import REGION, STAGE

# New clients whose invoice is overdue: each is warned by the next day's run, and something dies over each.
DYING = {
    "dogwood": ("D-2001", 9, "110.00"),
    "elder": ("E-2002", 9, "120.00"),
    "gorse": ("G-2003", 9, "130.00"),
}

# A day later: of one letter nobody hears the answer, of the other a bounce is told.
SENT = {
    "fir": ("F-2004", 9, "140.00"),
    "hazel": ("H-2005", 9, "150.00"),
}

# So long after its lock a client gets another demand letter (the preset `cpa`).
DEMANDED_AGAIN = 7

# Somebody speaks of this client before there is one.
LATE = {"juniper": ("J-2006", 9, "160.00")}

# What nobody can read.
POISON = "{this is no message"

TRANSACTION = "DynamoDB_20120810.TransactWriteItems"


class Troubles(Firm):
    """The same deployment's worse days."""

    def run(self):
        """All of it, in order."""
        self.stranger()
        self.deaths()
        self.unheard_notice()
        self.bounce()
        self.poison()
        self.replay()
        self.unheard_demand()
        self.digests()
        self.touched_archive()
        self.touched_table()
        self.doctor()
        self.upgrade()

    def stranger(self):
        with self.report.check("a second firm's staff see nothing of the first, whatever they ask for (SEC-1)"):
            eve, http = self.token("eve"), self.stack.http
            same(http("GET", "/firm/v1/clients", eve).json()["items"], [])
            for path in ["/clients/acme", "/clients/acme/letters", "/clients/acme/events", "/invoices/A-1001"]:
                same(http("GET", f"/firm/v1{path}", eve).status, 404, path)
            asked = http("GET", "/firm/v1/clients/acme", eve, headers={"X-Portcullis-Firm": FIRM})
            same(asked.status, 403, asked.text)
            lock = http("POST", "/firm/v1/clients/acme/lock", eve, {"reason": "because"})
            assert lock.status in (403, 404, 422), lock.text
            same(self.portal("acme"), "open")

    # Functions that die

    def dies(self, function, *marks, after=False):
        """That function is killed at that call."""
        return self.stack.gate.at(*marks, do=lambda: self.stack.kill(function), after=after)

    def deaths(self):
        self.imports(DYING)
        evaluation = self.dies("lock-evaluation", TRANSACTION, '"evaluate', "dogwood")
        claim = self.dies("demand-letter", TRANSACTION, "claim_letter", "elder")
        told = self.dies("audit-stream", "AWSEvents.PutEvents", "gorse")
        self.days_pass()
        check = self.report.check
        with check("an evaluation is killed before its commit: it is done anew, and the client is warned once (EVAL-2)"):
            self.after_a_while("it was killed", evaluation.happened.is_set)
            self.warned_once("dogwood")
        with check("demand-letter is killed before its claim: the message comes again, and one letter leaves (LET-4)"):
            self.after_a_while("it was killed", claim.happened.is_set)
            self.warned_once("elder")
        with check("audit-stream is killed before the bus hears: it is told and archived all the same"):
            self.after_a_while("it was killed", told.happened.is_set)
            self.warned_once("gorse")

    def unheard_notice(self):
        with self.report.check("killed after SES took a notice: SES's event says so, and it goes out once (LET-4)"):
            self.imports(SENT)
            sending = self.dies("demand-letter", *self.sends("fir"), after=True)
            self.days_pass()
            until("it was killed", sending.happened.is_set)
            self.tells("Send", address("fir"))
            until("it is known that it left", lambda: self.delivery("fir") == "sent")
            self.clock.go_on(hours=1)
            self.warned_once("fir")

    def unheard_demand(self):
        with self.report.check("nor does a demand go out twice of which nobody knows: a person decides (LET-4)"):
            since = self.clock.day() - date.fromisoformat(self.get("bea", "/clients/birch")["lock"]["on"])
            sending = self.dies("demand-letter", *self.sends("birch"), after=True)
            self.days_pass(DEMANDED_AGAIN - since.days)
            until("it was killed", sending.happened.is_set)
            self.after_a_while("it is a person's", lambda: self.delivery("birch") == "uncertain")
            self.after_a_while("nothing is under way", self.is_at_rest)
            same(len(self.mails(address("birch"), "Demand for payment")), 1)
            tasks = self.get("bea", "/clients/birch/tasks")["items"]
            assert any("letter" in task["kind"] for task in tasks), tasks

    @staticmethod
    def sends(client):
        """What SES's call for a letter to that client has in it."""
        return "POST /v2/email/outbound-emails", address(client)

    def warned_once(self, client):
        """One letter lies in the inbox, and the bus told of one."""
        self.after_a_while(f"{client} is warned", lambda: self.mails(address(client), "Invoice "))
        self.after_a_while(f"{client}'s letter is told", lambda: self.of_kind("LetterLeft", client))
        self.after_a_while("nothing is under way", self.is_at_rest)
        same(len(self.mails(address(client), "Invoice ")), 1, f"letters to {client}")
        for kind in ["LetterQueued", "LetterLeft"]:
            entries = {(e["detail"]["sequence"], e["detail"]["index"]) for e in self.of_kind(kind, client)}
            same(len(entries), 1, f"{kind} of {client}")

    def delivery(self, client):
        """What is known of the client's newest letter."""
        newest = self.get("bea", f"/clients/{client}/letters")["items"][0]
        return (newest.get("delivery") or {}).get("state")

    def tells(self, kind, to, **more):
        """What SES says of the newest message to that address. On the bus only AWS itself may speak for SES, so it is
        held against the stack's rule here, and put where that leads."""
        sent = [mail for mail in self.stack.gate.sent if to in mail["Destination"]["ToAddresses"]][-1]
        message = [mail for mail in self.stack.inbox() if to in mail["To"]][-1]
        name = self.stack.outputs["MailConfigurationName"]
        tags = {tag["Name"]: [tag["Value"]] for tag in sent["EmailTags"]} | {"ses:configuration-set": [name]}
        at = self.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        mail = {"timestamp": at, "source": message["Source"], "destination": [to], "tags": tags}
        mail["messageId"] = message["MessageId"]
        words = {"Send": "Email Sent", "Bounce": "Email Bounced"}
        account = self.stack.outputs["EventBusArn"].split(":")[4]
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": words[kind],
            "source": "aws.ses",
            "account": account,
            "time": at,
            "region": REGION,
            "resources": [f"arn:aws:ses:{REGION}:{account}:configuration-set/{name}"],
            "detail": {"eventType": kind, "mail": mail, kind.lower(): more},
        }
        bus, sqs, queue = self.stack.client("events"), self.stack.client("sqs"), self.stack.outputs["MailEventsQueueUrl"]
        [rule] = [rule for rule in bus.list_rules()["Rules"] if "aws.ses" in rule.get("EventPattern", "")]
        text = json.dumps(event)
        assert bus.test_event_pattern(EventPattern=rule["EventPattern"], Event=text)["Result"], rule
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        same([target["Arn"] for target in bus.list_targets_by_rule(Rule=rule["Name"])["Targets"]], [arn])
        sqs.send_message(QueueUrl=queue, MessageBody=text)

    def bounce(self):
        with self.report.check("what SES tells of a bounce comes by the stack's rule, and marks the address (LET-6)"):
            self.warned_once("hazel")
            person = {"emailAddress": address("hazel"), "action": "failed", "status": "5.1.1"}
            at = self.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
            more = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [person]}
            self.tells("Bounce", address("hazel"), timestamp=at, feedbackId="f-1", **more)
            until("it is marked", lambda: self.get("bea", "/clients/hazel")["contacts"][0]["is_bounced"])

    # Messages that nobody can handle

    def poison(self):
        sqs = self.stack.client("sqs")
        letters, dead = self.stack.outputs["LettersQueueUrl"], "LettersDeadLetterQueueUrl"
        with self.report.check("a poison message ends alone in the dead-letter queue, and letters beside it leave"):
            sqs.send_message(QueueUrl=letters, MessageBody=POISON)
            link = {"invoices": ["A-1002"], "mail_to": address("birch")}
            self.act("bea", "POST", "/clients/birch/pay-links", link, 201)
            until("the letter leaves", lambda: self.mails(address("birch"), "Where to pay"))
            self.after_a_while("it is given up", lambda: self.stack.waiting(dead) == 1)
            same(len(self.mails(address("birch"), "Where to pay")), 1)
            same(self.stack.waiting("LettersQueueUrl"), 0)
        with self.report.check("what is there can be read, and is what nobody could handle"):
            same([message["Body"] for message in self.dead(dead)], [POISON])

    def dead(self, output):
        """What is in a dead-letter queue; it stays there."""
        sqs = self.stack.client("sqs")
        found = sqs.receive_message(
            QueueUrl=self.stack.outputs[output], MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=1
        )
        return found.get("Messages", [])

    def replay(self):
        """ministack knows no redrive, so the test does what that does: the same message into the queue again."""
        sqs = self.stack.client("sqs")
        queue, dead = self.stack.outputs["EvaluationsQueueUrl"], "EvaluationsDeadLetterQueueUrl"
        message = {"clients": {"firm": FIRM, "day": str(self.clock.day()), "clients": list(LATE)}}
        with self.report.check("a message fails five times while its cause lasts; replayed after that, it is handled"):
            sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(message))
            self.after_a_while("it is given up", lambda: self.stack.waiting(dead) == 1)
            self.imports(LATE)
            [found] = self.dead(dead)
            sqs.send_message(QueueUrl=queue, MessageBody=found["Body"])
            sqs.delete_message(QueueUrl=self.stack.outputs[dead], ReceiptHandle=found["ReceiptHandle"])
            until("it is handled", lambda: self.stack.waiting("EvaluationsQueueUrl") == 0)
            same(self.stack.waiting(dead), 0)

    # Hands on the trail

    def digests(self):
        with self.report.check("the days of the archive are closed by the stack's schedule, and all of it verifies"):
            self.days_pass()
            until("a digest", lambda: " 0 digests" not in self.verify().text and self.verify().code == 0)

    def touched_archive(self):
        s3, bucket = self.stack.client("s3"), self.stack.outputs["ArchiveBucketName"]
        with self.report.check("one byte changed in an archived record is found, with its client and number (AUD-1)"):
            listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{FIRM}/clients/acme/")["Contents"]
            key = sorted(each["Key"] for each in listed)[2]
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            s3.put_object(Bucket=bucket, Key=key, Body=changed(body))
            ended = self.verify()
            assert ended.code == 1 and "acme" in ended.text and "1 is broken" in ended.text, ended.text
            s3.put_object(Bucket=bucket, Key=key, Body=body)
            same(self.verify().code, 0)

    def touched_table(self):
        table, dynamo = self.stack.outputs["TableName"], self.stack.client("dynamodb")
        with self.report.check("one byte changed in a record of the table is found, and audit-stream raises the alarm"):
            item = self.record(dynamo, table)
            name, text = next((n, v["S"]) for n, v in item.items() if "S" in v and "approve_unlock" in v["S"])
            key = {part: item[part] for part in ["pk", "sk"]}
            self.write(dynamo, table, key, name, text.replace("approve_unlock", "Approve_unlock"))
            ended = self.verify()
            assert ended.code == 1 and "acme" in ended.text, ended.text
            until("it is noticed", lambda: self.alarms("audit-stream"))
            self.write(dynamo, table, key, name, text)
            same(self.verify().code, 0)

    @staticmethod
    def record(dynamo, table):
        """The commit record of the approval."""
        pages = dynamo.get_paginator("scan").paginate(TableName=table)
        items = (item for page in pages for item in page["Items"])
        return next(
            item for item in items if item["sk"]["S"].startswith("E#") and "approve_unlock" in json.dumps(item, default=str)
        )

    @staticmethod
    def write(dynamo, table, key, name, text):
        """One attribute of one item, as somebody with the account's rights could."""
        dynamo.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #a = :t",
            ExpressionAttributeNames={"#a": name},
            ExpressionAttributeValues={":t": {"S": text}},
        )

    def alarms(self, function):
        """Whether its log has the number that the alarm of that name watches."""
        logs = self.stack.client("logs")
        group = f"/aws/lambda/portcullis-{STAGE}-{function}"
        events = logs.filter_log_events(logGroupName=group)["events"]
        found = [event["message"] for event in events if '"alarms":' in event["message"]]
        return any('"alarms":0' not in message for message in found)

    # Whoever runs it

    def doctor(self):
        with self.report.check("`doctor` says that all is well, and names what a firm lacks"):
            until("all is well", self.is_well)
            words = self.docs.command("doctor", PUBLIC_ADDRESS=self.stack.outputs["PublicAddress"])
            text = self.portcullis.does(*words, "--firm", FIRM)
            assert "set up whole" in text and "lacking" not in text, text
            ended = self.portcullis.run("doctor", "--firm", OTHER)
            assert ended.code == 1 and "Set the domain" in ended.text, ended.text

    def upgrade(self):
        with self.report.check("`sam deploy` of newer code keeps the data, and the trail verifies"):
            before, code = self.get("bea", "/clients/birch"), self.code()
            self.at_rest()
            self.stack.make_newer()
            assert self.stack.deploy(LogRetentionDays="30") == "UPDATE_COMPLETE"
            assert self.code() != code, "the functions are the old ones"
            same(self.get("bea", "/clients/birch"), before)
            verified = self.verify()
            same(verified.code, 0, verified.text)
        with self.report.check("the newer stack goes on: the day begins, and what it does is archived"):
            self.clock.go_on(days=1)
            self.after_a_while("the day has begun", self.is_well)
            self.after_a_while("nothing is under way", self.is_at_rest)

    def code(self):
        """The hash of what a function runs."""
        name = f"portcullis-{STAGE}-firm-api"
        return self.stack.client("lambda").get_function_configuration(FunctionName=name)["CodeSha256"]

    def is_well(self):
        return self.portcullis.run("doctor", "--firm", FIRM).code == 0


def changed(body):
    """The same with another digit or letter in its middle."""
    at = next(at for at in range(len(body) // 2, len(body)) if chr(body[at]).isalnum())
    return body[:at] + (b"0" if body[at : at + 1] != b"0" else b"1") + body[at + 1 :]

"""The deployed stack: ministack, what `sam deploy` makes on it, and how one talks to it from outside."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import boto3

from front import Front
from gate import Gate
from report import until

REGION = "us-east-1"
STAGE = "staging"
STACK = "portcullis-test"

# Nobody looks at who they are; without any the clients of AWS don't begin.
ACCOUNT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

# What a deployment of this size may take on a busy machine.
DEPLOY_SECONDS = 300
STOP_SECONDS = 20
ANSWER_SECONDS = 60


class Answer:
    """What came back."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.text = body.decode(errors="replace")

    def json(self):
        """Its body."""
        return json.loads(self.text)


class Stack:
    """Portcullis on an AWS of this machine, for as long as the `with` lasts."""

    def __init__(self, root, programs, sam, build, folder, clock, addresses):
        self.root = root
        self.programs = programs
        self.sam = sam
        self.build = build
        self.folder = folder
        self.clock = clock
        self.addresses = addresses
        self.port = addresses["aws"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.gate = Gate(("127.0.0.1", self.port))
        self.front = Front(self.port)
        self.outputs = {}

    def __enter__(self):
        # Whatever it finds in its environment it hands on to the functions: the clock must, nothing else may.
        environment = {name: os.environ[name] for name in ["PATH", "HOME"] if name in os.environ}
        environment |= {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "AWS_ENDPOINT_URL": self.gate.url,
        }
        environment |= self.clock.environment()
        self.log = open(self.folder / "ministack.log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [self.programs / "ministack"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until("ministack answers", self._is_up)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _is_up(self):
        assert self.process.poll() is None, "it ended while it was starting"
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5):
                return True
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # Functions of it that are left end with its session.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.log.close()

    def client(self, service):
        """A client of that service."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ACCOUNT["AWS_SECRET_ACCESS_KEY"],
        )

    def make_newer(self):
        """Code that is another and does the same: a program may be followed by anything."""
        newer = self.folder / "newer"
        shutil.copytree(self.build, newer)
        for program in newer.glob("*/bootstrap"):
            with open(program, "ab") as file:
                file.write(b"newer")
        self.build = newer

    def deploy(self, **other):
        """`sam deploy` of what `sam build` left, as `dev`, with the values that a test needs."""
        values = {
            "Stage": STAGE,
            "ArchiveLockMode": "GOVERNANCE",
            "ArchiveLockDays": "1",
            "Architecture": self.addresses["architecture"],
            "AwsEndpointUrl": self.gate.url,
            "IssuerUrl": self.addresses["issuer"],
            "IssuerAudience": self.addresses["audience"],
            "PublicUrl": self.front.url,
            "StripeUrl": self.addresses["stripe"],
        }
        values |= other
        command = [self.sam, "deploy", "--template-file", self.build / "template.yaml", "--stack-name", STACK]
        command += ["--config-file", self.root / "samconfig.toml", "--config-env", "dev"]
        command += ["--parameter-overrides", *(f"{name}={value}" for name, value in values.items())]
        environment = dict(os.environ, **ACCOUNT, AWS_DEFAULT_REGION=REGION, AWS_ENDPOINT_URL=self.url)
        environment["SAM_CLI_TELEMETRY"] = "0"
        with open(self.folder / "deploy.log", "a", encoding="utf-8") as log:
            done = subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=DEPLOY_SECONDS
            )
        assert done.returncode == 0, f"sam deploy ended with {done.returncode}: {log.name} says why"
        stack = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.front.api = urllib.parse.urlsplit(self.outputs["ApiUrl"]).netloc
        return stack["StackStatus"]

    def http(self, method, path, token=None, body=None, headers=None, raw=None):
        """A request of the API's public address, whatever the answer is."""
        headers = {"Accept": "application/json", **(headers or {})}
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if token:
            headers["Authorization"] = f"Bearer {token}"
        public = urllib.parse.urlsplit(self.outputs["PublicAddress"])
        connection = http.client.HTTPConnection(public.hostname, public.port, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def inbox(self):
        """What the mail service took, the oldest first."""
        with urllib.request.urlopen(f"{self.url}/_ministack/ses/messages", timeout=30) as answer:
            accounts = json.load(answer)["messages"]
        return [mail for mails in accounts.values() for mail in mails]

    def waiting(self, output):
        """How many messages a queue has, seen or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        sqs = self.client("sqs")
        counts = sqs.get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=names)["Attributes"]
        return sum(int(counts[name]) for name in names)

    def kill(self, function):
        """Ends every process of that function at once, as a machine that breaks does; tells how many there were."""
        name = f"AWS_LAMBDA_FUNCTION_NAME=portcullis-{STAGE}-{function}".encode()
        killed = 0
        for process in Path("/proc").iterdir():
            try:
                environment = (process / "environ").read_bytes().split(b"\0")
                is_ours = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1]) == self.process.pid
                if is_ours and name in environment:
                    os.kill(int(process.name), signal.SIGKILL)
                    killed += 1
            except (OSError, ValueError):
                continue
        return killed

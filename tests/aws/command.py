"""The command line, as whoever deploys uses it, and the Stripe that the deployment is told of."""

import json
import os
import subprocess
import urllib.request

from report import until
from stack import ACCOUNT, REGION

COMMAND_SECONDS = 120
STOP_SECONDS = 30

# What the sandbox takes for a key whose money is real, and signs with: no secrets, for they open nothing.
LIVE_KEY = "sk_live_sandbox"
SIGNING = "whsec_of_the_whole_test"


class Ended:
    """How a command ended, and what it said."""

    def __init__(self, done):
        self.code = done.returncode
        self.text = done.stdout + done.stderr


class Portcullis:
    """`portcullis` with `--aws`, at the deployment's time."""

    def __init__(self, program, stack, clock):
        self.program = program
        self.stack = stack
        self.clock = clock

    def run(self, *words, given=""):
        """Runs it with these words, on the deployment's table."""
        environment = {name: os.environ[name] for name in ["PATH", "HOME"] if name in os.environ}
        environment |= {**ACCOUNT, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": self.stack.url, **self.clock.environment()}
        table = [] if "--aws" in words else ["--aws", "--table", self.stack.outputs["TableName"]]
        done = subprocess.run(
            [self.program, *words, *table],
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        return Ended(done)

    def does(self, *words, given=""):
        """Likewise; it has to end well. What it said."""
        ended = self.run(*words, given=given)
        assert ended.code == 0, f"portcullis {' '.join(words)} ended with {ended.code}: {ended.text}"
        return ended.text


class Sandbox:
    """The Stripe that stands in for the real one: that of `portcullis up`, at the deployment's time."""

    def __init__(self, program, folder, clock, port):
        self.url = f"http://127.0.0.1:{port}"
        self.command = [program, "up", "--port", str(port), "--data", folder / "sandbox"]
        self.environment = {**os.environ, **clock.environment()}
        self.path = folder / "sandbox.log"

    def __enter__(self):
        self.log = open(self.path, "w", encoding="utf-8")
        self.process = subprocess.Popen(
            self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        try:
            until("the sandbox answers", self._is_up)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _is_up(self):
        assert self.process.poll() is None, f"it ended while it was starting: {self.path} says why"
        try:
            return self.ask("GET", "/sandbox/stripe") is not None
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def ask(self, method, path, body=None):
        """What steers it."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else True

    def pay(self, session):
        """The payer pays that page by card."""
        return self.ask("POST", "/sandbox/stripe/acts", {"act": "pay_by_card", "session": session})

    def deliveries(self):
        """The webhooks that are due, signed: each with its event, header and body."""
        return self.ask("POST", "/sandbox/stripe/deliveries", {"secret": SIGNING})

    def taken(self, event):
        """That one was taken."""
        self.ask("POST", f"/sandbox/stripe/deliveries/{event}/taken")

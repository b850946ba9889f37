"""A door between the functions and AWS, at which something can happen in the middle of a call.

Bytes pass through as they are. A test that wants a function to die at one certain moment names the call: when it
comes, and before AWS sees it or before its answer goes back, the door does what it was told to.

Three things of SES that ministack can't do are done here. It doesn't know one call of ours, which is answered and
kept to be looked at. No DNS is served, so whether a domain's keys were found there is what the test says. And it
tells nobody what becomes of a message, so what was sent is kept for a test that tells it in SES's place.
"""

import json
import re
import socket
import threading
import time

# More than the head of any request.
PIECE = 65536

# SES: PutEmailIdentityMailFromAttributes, GetEmailIdentity, SendEmail
MAIL_FROM = re.compile(rb"PUT /v2/email/identities/([^/ ]+)/mail-from ")
IDENTITY = re.compile(rb"GET /v2/email/identities/([^/ ]+) ")
SEND = re.compile(rb"POST /v2/email/outbound-emails ")
DONE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

# How long a killed process may take to be gone.
GONE_SECONDS = 5


class Awaited:
    """One call at which something is to happen, once."""

    def __init__(self, marks, do, after):
        self.marks = marks
        self.do = do
        self.after = after
        self.is_taken = False
        self.happened = threading.Event()

    def happens(self):
        """Whoever called is gone after it."""
        self.do()
        self.happened.set()


class Gate:
    """Listens for functions, and passes them on to `target`."""

    def __init__(self, target):
        self.target = target
        self.lock = threading.Lock()
        self.awaited = []
        # By domain: what SES was asked for, where ministack couldn't be.
        self.mail_from = {}
        # The domains whose records are in DNS.
        self.published = set()
        # What SES was given to send.
        self.sent = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def at(self, *marks, do, after=False):
        """Does that at the next call whose bytes have all of `marks`: before AWS sees it, or its answer (`after`)."""
        awaited = Awaited([mark.encode() for mark in marks], do, after)
        with self.lock:
            self.awaited.append(awaited)
        return awaited

    def take(self, request):
        """What is to happen at that call."""
        with self.lock:
            for awaited in self.awaited:
                if not awaited.is_taken and all(mark in request for mark in awaited.marks):
                    awaited.is_taken = True
                    return awaited
        return None

    def _listen(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                server = socket.create_connection(self.target)
            except OSError:
                return
            with server:
                connection = Connection(client, server, self)
                back = threading.Thread(target=connection.back, daemon=True)
                back.start()
                connection.forth()
                back.join()


class Connection:
    """One connection of a function, passed on."""

    def __init__(self, client, server, gate):
        self.client = client
        self.server = server
        self.gate = gate
        self.at_answer = None
        self.is_published = False

    def forth(self):
        """Requests."""
        try:
            while piece := self.client.recv(PIECE):
                if asked := MAIL_FROM.match(piece):
                    self.gate.mail_from[asked[1].decode()] = json.loads(self._whole(piece)[1])
                    self.client.sendall(DONE)
                    continue
                if asked := IDENTITY.match(piece):
                    self.is_published = asked[1].decode() in self.gate.published
                if SEND.match(piece):
                    piece, body = self._whole(piece)
                    self.gate.sent.append(json.loads(body))
                if awaited := self.gate.take(piece):
                    if awaited.after:
                        self.at_answer = awaited
                    else:
                        awaited.happens()
                        self._wait_until_gone()
                        break
                self.server.sendall(piece)
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def back(self):
        """Answers."""
        try:
            while piece := self.server.recv(PIECE):
                if self.at_answer:
                    self.at_answer.happens()
                    break
                if self.is_published:
                    piece = piece.replace(b'"PENDING"', b'"SUCCESS"')
                self.client.sendall(piece)
            self.client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _whole(self, request):
        """All of a request, and its body."""
        while b"\r\n\r\n" not in request:
            request += self.client.recv(PIECE)
        head, body = request.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        while len(body) < length:
            body += self.client.recv(PIECE)
        return head + b"\r\n\r\n" + body, body

    def _wait_until_gone(self):
        self.client.settimeout(GONE_SECONDS)
        begun = time.monotonic()
        while time.monotonic() - begun < GONE_SECONDS and self.client.recv(PIECE):
            pass

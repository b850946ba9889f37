"""A door between the functions and AWS, that can be held shut in the middle of a call.

Bytes pass through as they are. A test that wants a function to die at one certain moment shuts the door for
the call that it names, sees it arrive, and ends the function meanwhile.

Two things of SES that ministack can't do are done here: it doesn't know one call of ours, which is answered
and kept to be looked at; and no DNS is served, so whether a domain's keys were found there is what the test says.
"""

import re
import socket
import threading
from contextlib import contextmanager

# More than the head of any request.
PIECE = 65536

# SES: PutEmailIdentityMailFromAttributes
MAIL_FROM = re.compile(rb"PUT /v2/email/identities/([^/ ]+)/mail-from ")
# GetEmailIdentity
IDENTITY = re.compile(rb"GET /v2/email/identities/([^/ ]+) ")
DONE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Held:
    """One call that is to be held."""

    def __init__(self, marks, after):
        self.marks = marks
        self.after = after
        self.arrived = threading.Event()
        self.opened = threading.Event()
        self.is_taken = False


class Gate:
    """Listens for functions, and passes them on to `target`."""

    def __init__(self, target):
        self.target = target
        self.lock = threading.Lock()
        self.held = []
        # By domain: what SES was asked for, where ministack couldn't be.
        self.mail_from = {}
        # The domains whose records are in DNS.
        self.published = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    @contextmanager
    def holding(self, *marks, after=False):
        """Holds the next call whose bytes have all of `marks`: before AWS sees it, or its answer (`after`)."""
        held = Held([mark.encode() for mark in marks], after)
        with self.lock:
            self.held.append(held)
        try:
            yield held
        finally:
            with self.lock:
                if held in self.held:
                    self.held.remove(held)
            held.opened.set()

    def take(self, piece):
        """Whoever waits for that call."""
        with self.lock:
            for held in self.held:
                if not held.is_taken and all(mark in piece for mark in held.marks):
                    held.is_taken = True
                    return held
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
        self.held_answer = None
        self.is_published = False

    def forth(self):
        """Requests."""
        try:
            while piece := self.client.recv(PIECE):
                if asked := MAIL_FROM.match(piece):
                    self.gate.mail_from[asked[1].decode()] = self._body(piece).decode()
                    self.client.sendall(DONE)
                    continue
                if asked := IDENTITY.match(piece):
                    self.is_published = asked[1].decode() in self.gate.published
                held = self.gate.take(piece)
                if held and held.after:
                    self.held_answer = held
                elif held:
                    held.arrived.set()
                    held.opened.wait()
                    # Whoever asked may be gone; then nobody wants it done.
                    if self._is_alone():
                        break
                self.server.sendall(piece)
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def back(self):
        """Answers."""
        try:
            while piece := self.server.recv(PIECE):
                if held := self.held_answer:
                    held.arrived.set()
                    held.opened.wait()
                if self.is_published:
                    piece = piece.replace(b'"PENDING"', b'"SUCCESS"')
                self.client.sendall(piece)
            self.client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _body(self, piece):
        while b"\r\n\r\n" not in piece:
            piece += self.client.recv(PIECE)
        head, body = piece.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        while len(body) < length:
            body += self.client.recv(PIECE)
        return body

    def _is_alone(self):
        self.client.setblocking(False)
        try:
            return self.client.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.client.setblocking(True)

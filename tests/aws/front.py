"""What stands before the API, as a content delivery network would: people reach it under a name of its own.

The API of a local AWS is known by its host name, which nobody but AWS could look up.
"""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Of one connection, not of what is asked.
HOP = {"connection", "host", "keep-alive", "transfer-encoding", "content-length", "date", "server"}

ANSWER_SECONDS = 60


class Front:
    """Passes requests on to the API, once somebody says which host that is."""

    def __init__(self, port):
        self.port = port
        self.api = ""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._passing())
        self.url = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _passing(self):
        front = self

        class Passing(BaseHTTPRequestHandler):
            def _pass(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
                api = http.client.HTTPConnection("127.0.0.1", front.port, timeout=ANSWER_SECONDS)
                api.request(self.command, self.path, body, {**headers, "Host": front.api})
                answer = api.getresponse()
                text = answer.read()
                self.send_response_only(answer.status)
                # Its time is the deployment's: ours is not moved.
                for name, value in answer.getheaders():
                    if name.lower() not in HOP or name.lower() == "date":
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                api.close()

            do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = _pass

            def log_message(self, *_):
                pass

        return Passing

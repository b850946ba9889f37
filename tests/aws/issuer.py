"""Whoever signs the staff's tokens: an OpenID Connect issuer as far as a gateway and functions need it."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

AUDIENCE = "portcullis"
KEY_ID = "k-1"


def _text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(number):
    return _text(number.to_bytes((number.bit_length() + 7) // 8, "big"))


class Issuer:
    """Serves its public key, and signs."""

    def __init__(self, clock):
        self.clock = clock
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._documents())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _documents(self):
        issuer = self

        class Documents(BaseHTTPRequestHandler):
            def do_GET(self):
                documents = {
                    "/.well-known/jwks.json": issuer.keys,
                    "/.well-known/openid-configuration": issuer.configuration,
                }
                document = documents.get(self.path)
                body = json.dumps(document() if document else {}).encode()
                self.send_response(200 if document else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Documents

    def keys(self):
        """The public half."""
        public = self.key.public_key().public_numbers()
        key = {"kty": "RSA", "kid": KEY_ID, "alg": "RS256", "use": "sig", "n": _number(public.n), "e": _number(public.e)}
        return {"keys": [key]}

    def configuration(self):
        """Where what is."""
        return {"issuer": self.url, "jwks_uri": f"{self.url}/.well-known/jwks.json"}

    def token(self, subject, key=None, **other):
        """One for somebody who just signed in, with a second factor; `other` replaces claims."""
        now = int(self.clock.now().timestamp()) - 1
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": subject,
            "amr": ["pwd", "mfa"],
            "auth_time": now,
            "iat": now,
            "exp": now + 3600,
        }
        claims.update(other)
        header = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
        signed = ".".join(_text(json.dumps(part).encode()) for part in [header, claims])
        signature = (key or self.key).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_text(signature)}"

    def other_key(self):
        """One that nobody published."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

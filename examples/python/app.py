import json
import os
from wsgiref.simple_server import make_server

import httpx
from unkey.py import Unkey
from unkey.py.errors import UnkeyError
from unkey.py.models import Code

unkey = Unkey(
    root_key=os.environ["LATCHKEY_ROOT_KEY"],
    server_url=os.environ["LATCHKEY_URL"],
    timeout_ms=1000,
)


def require_key(app):
    """Passes requests with a valid key to a WSGI application, such as one of Flask or Django."""

    def guarded(environ, start_response):
        scheme, _, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            return refuse(start_response, "401 Unauthorized", "The key is missing.")
        try:
            verdict = unkey.keys.verify_key(key=key).data
        except (UnkeyError, httpx.HTTPError):
            return refuse(start_response, "503 Service Unavailable", "Keys cannot be verified now.")
        if not verdict.valid:
            return refuse(start_response, status_of(verdict.code), "The key was refused.", code=verdict.code)
        environ["verified_key"] = verdict
        return app(environ, start_response)

    return guarded


def status_of(code):
    if code == Code.RATE_LIMITED:
        return "429 Too Many Requests"
    if code in (Code.NOT_FOUND, Code.EXPIRED):
        return "401 Unauthorized"
    return "403 Forbidden"


def refuse(start_response, status, detail, **more):
    start_response(status, [("Content-Type", "application/problem+json")])
    return [json.dumps({"status": int(status[:3]), "detail": detail, **more}).encode()]


def documents(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"hello": environ["verified_key"].identity.external_id}).encode()]


if __name__ == "__main__":
    with make_server("127.0.0.1", int(os.environ.get("PORT", "3000")), require_key(documents)) as server:
        server.serve_forever()

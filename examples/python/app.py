import json
import logging
import math
import os
import time
from wsgiref.simple_server import make_server

import httpx
from unkey.py import Unkey
from unkey.py.errors import UnkeyError
from unkey.py.models import Code

unkey = Unkey(
    root_key=os.environ["LATCHKEY_ROOT_KEY"],
    server_url=os.environ["LATCHKEY_URL"],
    timeout_ms=1000,
    retry_config=None,  # the default retries for ten seconds, and each attempt may count against the key's limits
)


def require_key(app):
    """Wraps a WSGI application, such as one of Flask or Django. Only requests with a valid key reach it."""

    def guarded(environ, start_response):
        scheme, _, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            challenge = {"WWW-Authenticate": "Bearer"}
            return refuse(start_response, "401 Unauthorized", "The key is missing.", challenge)
        try:
            verdict = unkey.keys.verify_key(key=key).data
        except (UnkeyError, httpx.HTTPError):
            logging.exception("The Latchkey server did not verify a key")
            later = {"Retry-After": "1"}
            detail = "Keys cannot be verified at the moment. Try again."
            return refuse(start_response, "503 Service Unavailable", detail, later)
        if not verdict.valid:
            status, headers = refusal_of(verdict)
            return refuse(start_response, status, "The key was refused: " + verdict.code + ".", headers)
        environ["verified_key"] = verdict
        return app(environ, start_response)

    return guarded


def refusal_of(verdict):
    if verdict.code == Code.RATE_LIMITED:
        return "429 Too Many Requests", {"Retry-After": str(seconds_to_wait(verdict.ratelimits or []))}
    if verdict.code in (Code.NOT_FOUND, Code.EXPIRED):
        return "401 Unauthorized", {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return "403 Forbidden", {}


def seconds_to_wait(limits):
    """The seconds until no limit is exceeded: at most its window for each, even if the two clocks differ."""
    waits = [
        min(math.ceil(limit.reset / 1000 - time.time()), math.ceil(limit.duration / 1000))
        for limit in limits
        if limit.exceeded
    ]
    return max([1, *waits])


def refuse(start_response, status, detail, headers):
    start_response(status, [("Content-Type", "application/problem+json"), *headers.items()])
    return [json.dumps({"status": int(status[:3]), "detail": detail}).encode()]


def documents(environ, start_response):
    if environ["REQUEST_METHOD"] != "GET" or environ["PATH_INFO"] != "/documents":
        return refuse(start_response, "404 Not Found", "Nothing is served here.", {})
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"hello": environ["verified_key"].identity.external_id}).encode()]


if __name__ == "__main__":
    with make_server("127.0.0.1", int(os.environ.get("PORT", "3000")), require_key(documents)) as server:
        server.serve_forever()

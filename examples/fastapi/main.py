import logging
import math
import os
import time
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from unkey.py import Unkey
from unkey.py.errors import UnkeyError
from unkey.py.models import Code, V2KeysVerifyKeyResponseData

unkey = Unkey(
    root_key=os.environ["LATCHKEY_ROOT_KEY"],
    server_url=os.environ["LATCHKEY_URL"],
    timeout_ms=1000,
    retry_config=None,  # the default retries for ten seconds, and each attempt may count against the key's limits
)
app = FastAPI()
bearer = HTTPBearer(auto_error=False)


async def require_key(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]):
    if not credentials:
        raise HTTPException(401, "The key is missing.", {"WWW-Authenticate": "Bearer"})
    try:
        verdict = (await unkey.keys.verify_key_async(key=credentials.credentials)).data
    except (UnkeyError, httpx.HTTPError):
        logging.exception("The Latchkey server did not verify a key")
        raise HTTPException(503, "Keys cannot be verified at the moment. Try again.", {"Retry-After": "1"})
    if verdict.valid:
        return verdict
    status, headers = refusal_of(verdict)
    raise HTTPException(status, "The key was refused: " + verdict.code + ".", headers)


VerifiedKey = Annotated[V2KeysVerifyKeyResponseData, Depends(require_key)]


def refusal_of(verdict):
    if verdict.code == Code.RATE_LIMITED:
        return 429, {"Retry-After": str(seconds_to_wait(verdict.ratelimits or []))}
    if verdict.code in (Code.NOT_FOUND, Code.EXPIRED):
        return 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return 403, {}


def seconds_to_wait(limits):
    """The seconds until no limit is exceeded: at most its window for each, even if the two clocks differ."""
    waits = [
        min(math.ceil(limit.reset / 1000 - time.time()), math.ceil(limit.duration / 1000))
        for limit in limits
        if limit.exceeded
    ]
    return max([1, *waits])


@app.get("/")
async def home():
    return {"open": "to everyone"}


@app.get("/documents")
async def documents(key: VerifiedKey):
    return {"hello": key.identity.external_id}

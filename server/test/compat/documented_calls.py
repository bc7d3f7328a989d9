"""The five calls of the Python client's documentation, word for word; only the key and the server's address are added."""

import json
import os

from unkey.py import Unkey

shown = {}

with Unkey(
    root_key=os.environ["UNKEY_ROOT_KEY"],
    server_url=os.environ["UNKEY_SERVER_URL"],
) as unkey:

    res = unkey.identities.create_identity(external_id="user_123", ratelimits=[{"name": "api", "limit": 696170, "duration": 249033}])
    shown["create"] = {"identity_id": res.data.identity_id, "request_id": res.meta.request_id}

    res = unkey.identities.get_identity(identity="user_123")
    [limit] = res.data.ratelimits
    shown["get"] = [res.data.external_id, limit.name, limit.limit, limit.duration, limit.auto_apply]

    res = unkey.identities.list_identities(limit=50, cursor="cursor_eyJrZXkiOiJrZXlfMTIzNCJ9")
    pages = []
    while res is not None:
        pages.append([identity.external_id for identity in res.result.data])
        res = res.next()
    shown["list"] = pages

    res = unkey.identities.update_identity(identity="user_123", meta={"email": "alice@example.com", "name": "Alice Smith", "plan": "premium"}, ratelimits=[{"name": "requests", "limit": 1000, "duration": 3600000, "auto_apply": True}])
    [limit] = res.data.ratelimits
    shown["update"] = [res.data.meta, limit.name, limit.limit, limit.duration, limit.auto_apply]

    res = unkey.identities.delete_identity(identity="user_123")
    shown["delete"] = res.meta.request_id

    pages = []
    res = unkey.identities.list_identities(limit=50)
    while res is not None:
        pages.append(len(res.result.data))
        res = res.next()
    shown["left"] = pages

print(json.dumps(shown))

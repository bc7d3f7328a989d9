"""Calls Unkey's Python client as it is told, one JSON line a call, and tells what the client showed, in the wire's names."""

import inspect
import json
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Callable

from pydantic import TypeAdapter
from unkey.py import Unkey, errors, models
from unkey.py.utils import BackoffStrategy, RetryConfig


@dataclass
class Place:
    """Where an operation's method is, and its source, which names its path, its errors and its request."""

    group: str
    method: str
    source: str

    def bound(self, client: Unkey) -> Callable[..., Any]:
        return getattr(getattr(client, self.group), self.method)


def find_places() -> dict[str, Place]:
    """The client's groups and their methods, found on the client itself, by the operation's name on the wire."""
    client = Unkey(root_key="unused")
    places = {}
    for group in Unkey._sub_sdk_map:
        for name, method in inspect.getmembers(getattr(client, group), inspect.ismethod):
            source = inspect.getsource(method)
            path = re.search(r'path="/v\d/([^"]+)"', source)
            if path and not name.startswith("_") and not name.endswith("_async"):
                places[path.group(1)] = Place(group, name, source)
    return places


def describe(place: Place) -> dict[str, Any]:
    matched = re.findall(
        r'match_response\(http_res, "(\d+)", "([^"]+)"\):\s+response_data = unmarshal_json_response\(\s+errors\.(\w+)Data',
        place.source,
    )
    if len(matched) != len(re.findall(r"raise errors\.(?!APIError)", place.source)):
        raise LookupError(f"the errors of {place.group}.{place.method} could not be read")
    return {
        "errors": {status: {"className": name, "contentType": kind} for status, kind, name in matched},
        "paged": "next_func" in place.source,
        "fields": sorted(fields_of(place)),
    }


def fields_of(place: Place) -> set[str]:
    """Every field of the request's type: one model, a list of one, or a union of some."""
    if "request=None," in place.source:
        return set()
    found = re.search(r"request = (?:models\.(\w+)\(|cast\((List\[)?models\.(\w+))", place.source)
    if found is None:
        raise LookupError(f"the request of {place.group}.{place.method} could not be read")
    plain, listed, cast = found.groups()
    model = getattr(models, plain or cast)
    schema = TypeAdapter(list[model] if listed else model).json_schema(by_alias=True)
    return members(schema, schema.get("$defs", {}), "")


def members(schema: dict[str, Any], named: dict[str, Any], prefix: str) -> set[str]:
    if "$ref" in schema:
        schema = named[schema["$ref"].rsplit("/", 1)[-1]]
    found: set[str] = set()
    for union in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(union, []):
            found |= members(branch, named, prefix)
    if schema.get("type") == "array":
        found |= members(schema.get("items", {}), named, f"{prefix}[]")
    for name, inner in schema.get("properties", {}).items():
        path = f"{prefix}.{name}" if prefix else name
        found |= {path} | members(inner, named, path)
    return found


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: "_" + letter.group().lower(), name)


def pythonic(value: Any) -> Any:
    """The same with the names that the client's types use; what is inside `meta` belongs to the caller."""
    if isinstance(value, list):
        return [pythonic(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {snake(name): inner if name == "meta" else pythonic(inner) for name, inner in value.items()}


RETRIES = {
    "default": None,
    "none": RetryConfig("none", BackoffStrategy(1, 1, 1, 1), False),
    "brief": RetryConfig("backoff", BackoffStrategy(10, 50, 1.5, 300), False),
}


@lru_cache
def client_of(url: str, root_key: str, retries: str) -> Unkey:
    config = RETRIES[retries]
    return Unkey(server_url=url, root_key=root_key or None, **({} if config is None else {"retry_config": config}))


def ask(place: Place, told: dict[str, Any]) -> Any:
    client = client_of(told["url"], told["rootKey"], told["retries"])
    method = place.bound(client)
    given = pythonic(told["input"])
    whole = "request" in inspect.signature(method).parameters
    answer = method(**({"request": given} if whole else given))
    if told["do"] == "call":
        return wire(getattr(answer, "result", answer))
    pages = []
    while answer is not None:
        pages.append(wire(answer.result)["data"])
        answer = answer.next()
    return pages


def wire(model: Any) -> Any:
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


def refusal(error: Exception) -> dict[str, Any]:
    told: dict[str, Any] = {"className": type(error).__name__, "message": str(error)}
    if isinstance(error, errors.UnkeyError):
        told["status"] = error.status_code
        told["requestId"] = error.headers.get("x-request-id", "")
    if hasattr(error, "data"):
        told["data"] = wire(error.data)
    return told


def respond(places: dict[str, Place], told: dict[str, Any]) -> dict[str, Any]:
    if told["do"] == "operations":
        return {"operations": {name: describe(place) for name, place in places.items()}}
    place = places[told["operation"]]
    try:
        return {"answer": ask(place, told)}
    except Exception as error:  # whatever the client raises is what the test wants to see
        return {"error": refusal(error)}


def main() -> None:
    places = find_places()
    for line in sys.stdin:
        print(json.dumps(respond(places, json.loads(line))), flush=True)


main()

"""For each line of JSON: calls Unkey's Python client, and prints what it returned, with the field names of the HTTP API."""

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
    """An operation's method, and its source, which contains its path, its errors and its request."""

    group: str
    method: str
    source: str

    def bound(self, client: Unkey) -> Callable[..., Any]:
        return getattr(getattr(client, self.group), self.method)


def find_places() -> dict[str, Place]:
    """Finds the client's groups and their methods, by the operation's name on the wire."""
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
    """Every field of the request's type, which is a model, a list of a model, or a union of models."""
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
    """The value with the names that the client's types use. The content of `meta` stays unchanged."""
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


def ask(place: Place, command: dict[str, Any]) -> Any:
    client = client_of(command["url"], command["rootKey"], command["retries"])
    method = place.bound(client)
    given = pythonic(command["input"])
    whole = "request" in inspect.signature(method).parameters
    response = method(**({"request": given} if whole else given))
    if command["do"] == "call":
        return wire(getattr(response, "result", response))
    pages = []
    while response is not None:
        pages.append(wire(response.result)["data"])
        response = response.next()
    return pages


def wire(model: Any) -> Any:
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


def refusal(error: Exception) -> dict[str, Any]:
    command: dict[str, Any] = {"className": type(error).__name__, "message": str(error)}
    if isinstance(error, errors.UnkeyError):
        command["status"] = error.status_code
        command["requestId"] = error.headers.get("x-request-id", "")
    if hasattr(error, "data"):
        command["data"] = wire(error.data)
    return command


def respond(places: dict[str, Place], command: dict[str, Any]) -> dict[str, Any]:
    if command["do"] == "operations":
        return {"operations": {name: describe(place) for name, place in places.items()}}
    place = places[command["operation"]]
    try:
        return {"response": ask(place, command)}
    except Exception as error:  # the test checks whatever the client raises
        return {"error": refusal(error)}


def main() -> None:
    places = find_places()
    for line in sys.stdin:
        print(json.dumps(respond(places, json.loads(line))), flush=True)


main()

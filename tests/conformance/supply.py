"""What a recorder left out of requests: made up again from the answers, so that these can be judged.

Some recorders keep no bodies of requests, some templates lie where a link leads, and the recordings of Azure's CLI have one
name for all deployments in their URLs, but the true ones in the answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, ResourceId
from tests.conformance.messages import MANAGEMENT, Exchange, Recording
from tests.conformance.standins import SOMETHING

_DEPLOYMENT = re.compile(r"(?P<id>.*/deployments/(?P<name>[^/?]+))(?P<action>/validate|/whatIf)?/?", re.IGNORECASE)
_MASKED_NAME = "mock-deployment"
_GROUP = re.compile(r"/subscriptions/[^/]+/resourcegroups/[^/]+/?", re.IGNORECASE)
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_VERSION = "2020-01-01"
_SECRET = "left-out"
_SUPPORTED = re.compile(r"The only supported parameters for this template are '([^']*)'")
_REPLACED = re.compile(r"[\w.-]0000\d\d\b|REDACTED|Sanitized|example\.com|00000000-0000-0000-0000-000000000000")
"""What recorders write in the place of names, keys, persons and subscriptions."""

_KINDS = {bool: "bool", int: "int", str: "string", list: "array", dict: "object", type(None): "string"}
_VALUES: dict[str, Any] = {"int": 1, "bool": True, "array": [], "object": {}, "secureobject": {}}


def with_true_names(recording: Recording) -> Recording:
    """The recording with the deployments and subscriptions in its URLs named as in the answers."""
    last = _MASKED_NAME
    found = []
    for each in recording.exchanges:
        exchange = each
        if f"/{_MASKED_NAME}" in exchange.url:
            last = _true_name(exchange) or last
        listed = _true_subscription(exchange) if exchange.host == MANAGEMENT and exchange.method == "GET" else None
        named = re.match(r"/subscriptions/([^/]+)", exchange.path)
        if listed and named:
            exchange = replace(exchange, url=exchange.url.replace(named[1], listed))
        found.append(replace(exchange, url=exchange.url.replace(f"/{_MASKED_NAME}", f"/{last}")))
    return replace(recording, exchanges=tuple(found))


def _true_subscription(exchange: Exchange) -> str | None:
    """The subscription that a list is of, where the recorder masked it in the URL only."""
    match exchange.response.json():
        case {"value": list(), "nextLink": str(link)}:
            named = re.search(r"/subscriptions/([^/]+)/", link)
            return named[1] if named else None
        case {"value": [{"id": str(identifier)}, *_]} if exchange.path.lower().endswith("/vaults"):
            return identifier.split("/")[2]
        case _:
            return None


def _true_name(exchange: Exchange) -> str | None:
    match exchange.response.json():
        case {"id": str(identifier)} | {"value": [{"id": str(identifier)}, *_]}:
            named = re.search(r"/deployments/([^/]+)", identifier)
            return named[1] if named else None
        case {"error": {"message": str(message)}}:
            named = re.search(r"The template deployment '([^']+)'", message)
            return named[1] if named else None
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Supplies:
    """The bodies that one recording lacks."""

    recording: Recording

    @property
    def blind(self) -> frozenset[str]:
        """What the answers make of templates that are not the recorded ones, or not by today's rules (before 2020)."""
        deployments = [each for each in self.recording.exchanges if _DEPLOYMENT.fullmatch(each.path) and each.method != "GET"]
        if any(self.body(each) is not None for each in deployments):
            return frozenset({"templateHash", "templateLink", "parametersLink"})
        early = any(re.search(r" 201[4-9] ", each.response.headers.get("date", "")) for each in deployments)
        if early or any(_REPLACED.search(each.request.body.decode(errors="replace")) for each in deployments):
            return frozenset({"templateHash"})
        return frozenset()

    def body(self, exchange: Exchange) -> Any:
        """The body of a request that the recorder left out, or whose template is elsewhere; None where it has its own."""
        if exchange.host != MANAGEMENT or exchange.method not in ("PUT", "POST"):
            return None
        recorded, answer = exchange.request.json(), exchange.response.json()
        deployment = _DEPLOYMENT.fullmatch(exchange.path)
        if deployment is not None and (exchange.method == "PUT" or deployment["action"]):
            if recorded is None and not exchange.request.body:
                return {"properties": self._deployment(exchange, deployment["id"])}
            if isinstance(recorded, dict) and "templateLink" in recorded.get("properties", {}):
                return recorded | {"properties": self._linked(exchange, deployment["id"], recorded["properties"])}
            return None
        if recorded is not None or exchange.method != "PUT" or not isinstance(answer, dict):
            return None
        if _GROUP.fullmatch(exchange.path):
            return {key: answer[key] for key in ("location", "tags") if key in answer}
        return {key: value for key, value in answer.items() if key not in ("id", "name", "type", "error")}

    def _linked(self, exchange: Exchange, identifier: str, recorded: JSON) -> JSON:
        made = self._deployment(exchange, identifier)
        given: JSON = recorded.get("parameters") or made["parameters"]
        refused = _SUPPORTED.search(exchange.response.body.decode(errors="replace"))
        for name, each in given.items() if not refused else ():
            made["template"].setdefault("parameters", {}).setdefault(name, {"type": _KINDS[type(each.get("value"))]})
        return {"mode": recorded["mode"], "parameters": given, "template": made["template"]}

    def _deployment(self, exchange: Exchange, identifier: str) -> JSON:
        """Properties of a deployment whose answers would be those that were recorded."""
        shown = self._shown(exchange, identifier)
        parameters = shown.get("parameters", {})
        template: JSON = {
            "$schema": _SCHEMA,
            "contentVersion": "1.0.0.0",
            "resources": self._resources(exchange, identifier, shown),
        }
        if "parameters" in shown:
            template["parameters"] = {name: {"type": each["type"]} for name, each in parameters.items()}
        outputs = self._outputs(exchange, identifier)
        if outputs is not None:
            template["outputs"] = outputs
        match exchange.response.json():
            case {"error": {"message": str(message)}} if supported := _SUPPORTED.search(message):
                template["parameters"] = {name: {"type": "string"} for name in supported[1].split(", ")}
        given = {
            name: {"value": each.get("value", _VALUES.get(each["type"].lower(), _SECRET))} for name, each in parameters.items()
        }
        return {"mode": shown.get("mode", "Incremental"), "parameters": given, "template": template}

    def _shown(self, exchange: Exchange, identifier: str) -> JSON:
        """The first answer that shows the deployment, from this one on."""
        for each in self.recording.exchanges[exchange.index :]:
            body = each.response.json()
            if isinstance(body, dict) and _same(str(body.get("id", "")), identifier) and "properties" in body:
                return dict(body["properties"])
        return {}

    def _outputs(self, exchange: Exchange, identifier: str) -> JSON | None:
        """The outputs as a template that has some would give them; where their evaluation was skipped, any."""
        for each in self.recording.exchanges[exchange.index :]:
            match each.response.json():
                case {"id": str(found), "properties": {"outputs": dict(outputs)}} if found.lower() == identifier.lower():
                    return {name: _literal(value) for name, value in outputs.items()}
            below = f"{identifier}/operations/".lower().encode()
            body = each.response.body
            if b'"EvaluateDeploymentOutput"' in body and below in body.lower() and b"output evaluation skipped" in body:
                return {"some": {"type": "string", "value": ""}}
        return None

    def _resources(self, exchange: Exchange, identifier: str, shown: JSON) -> list[JSON]:
        if exchange.path.lower().endswith("/whatif"):
            return list(self._changed(exchange))
        needs = {each["id"]: [other["id"] for other in each["dependsOn"]] for each in shown.get("dependencies", ())}
        targets = list(self._targets(exchange, identifier))
        outer = {each.lower() for each in targets}
        made = [each for each in self._made(exchange, identifier) if each.lower() not in outer]
        if any(f"/{DEPLOYMENTS}/".lower() in each.lower() for each in targets):
            made = []  # they are the modules'
        named = [*needs, *(other for each in needs.values() for other in each), *targets, *made]
        known = {each.lower(): each for each in (_whole(identifier, each) for each in named)}
        found = []
        for entry in shown.get("providers", ()):
            for kind in entry["resourceTypes"]:
                type_ = f"{entry['namespace']}/{kind['resourceType']}"
                ids = [each for each in known.values() if _type(each).lower() == type_.lower()]
                ids.sort(key=lambda each: each in needs)
                locations = kind["locations"] or [None]
                more = [f"{_scope(identifier)}/providers/{_some(type_, place)}" for place in range(len(locations) - len(ids))]
                for place, each in enumerate(ids + more):
                    found.append(self._resource(exchange, each, needs.get(each, []), locations[min(place, len(locations) - 1)]))
        listed = {each["id"].lower() for each in found}
        found += [self._resource(exchange, each, [], None) for key, each in known.items() if key not in listed]
        if not found and exchange.status == 400:
            found.append(self._resource(exchange, f"{_scope(identifier)}/providers/{SOMETHING}/it", [], None))
        return list(map(_without_id, found))

    def _resource(self, exchange: Exchange, identifier: str, needs: list[str], location: str | None) -> JSON:
        read = ResourceId.parse(identifier)
        resource: JSON = {
            "id": identifier,
            "type": read.type,
            "name": "/".join(read.names),
            "apiVersion": _VERSION,
            "dependsOn": needs,
            "properties": {},
        }
        if location:
            resource["location"] = location
        resource |= self._validated(exchange, identifier)
        if read.type.lower() == DEPLOYMENTS.lower():
            inner = list(self._targets(exchange, identifier))
            template = {
                "$schema": _SCHEMA,
                "contentVersion": "1.0.0.0",
                "resources": [
                    {key: value for key, value in self._resource(exchange, each, [], None).items() if key != "id"}
                    for each in inner
                ],
            }
            resource["properties"] = {"mode": "Incremental", "template": template}
        return resource

    def _validated(self, exchange: Exchange, identifier: str) -> JSON:
        """The resource as old API versions show it after validation: whole."""
        for each in self.recording.exchanges[exchange.index :]:
            match each.response.json():
                case {"properties": {"validatedResources": list(validated)}}:
                    for found in validated:
                        if found["id"].lower() == identifier.lower() and "apiVersion" in found:
                            return {key: found[key] for key in found if key not in ("id", "name", "type", "dependsOn")}
        return {}

    def _targets(self, exchange: Exchange, identifier: str) -> Iterator[str]:
        """What the operations of a deployment were about, first to last as the last list of them has it."""
        seen: dict[str, str] = {}
        for each in self.recording.exchanges[exchange.index :]:
            body = each.response.json()
            for operation in body.get("value", ()) if isinstance(body, dict) else ():
                target = operation.get("properties", {}).get("targetResource") if isinstance(operation, dict) else None
                if target and operation["id"].lower().startswith(f"{identifier}/operations/".lower()):
                    seen.setdefault(target["id"].lower(), target["id"])
        yield from seen.values()

    def _made(self, exchange: Exchange, identifier: str) -> Iterator[str]:
        """What was validated or came of it."""
        for each in self.recording.exchanges[exchange.index :]:
            body = each.response.json()
            if isinstance(body, dict) and str(body.get("id", "")).lower() == identifier.lower():
                properties = body.get("properties", {})
                yield from (
                    made["id"] for name in ("validatedResources", "outputResources") for made in properties.get(name) or ()
                )

    def _changed(self, exchange: Exchange) -> Iterator[JSON]:
        """The resources that a what-if foresees, as a template has them."""
        for each in self.recording.exchanges[exchange.index :]:
            match each.response.json():
                case {"properties": {"changes": list(changes)}}:
                    for change in changes:
                        if change["changeType"] in ("Create", "Modify", "NoChange") and "after" in change:
                            read = ResourceId.parse(change["resourceId"])
                            body = {key: value for key, value in change["after"].items() if key not in ("id", "name")}
                            yield {"name": "/".join(read.names)} | body | {"type": read.type}
                    return


def _without_id(resource: JSON) -> JSON:
    return {key: value for key, value in resource.items() if key != "id"}


def _value(kind: str) -> Any:
    return _VALUES.get(kind.lower(), _SECRET)


def _same(shown: str, identifier: str) -> bool:
    """Whether this is the ID of a deployment, which the first API version wrote without its provider."""
    return shown.lower().replace("/providers/microsoft.resources/", "/") == identifier.lower().replace(
        "/providers/microsoft.resources/", "/"
    )


def _literal(output: JSON) -> JSON:
    """An output as a template has it: a string that looks like an expression is none."""
    value = output.get("value")
    return output | ({"value": f"[{value}"} if isinstance(value, str) and value.startswith("[") else {})


def _whole(deployment: str, identifier: str) -> str:
    """The ID of a resource that old API versions show below the deployment's group."""
    return identifier if identifier.startswith("/") else f"{_scope(deployment)}/providers/{identifier}"


def _scope(identifier: str) -> str:
    return ResourceId.parse(identifier).scope


def _type(identifier: str) -> str:
    try:
        return ResourceId.parse(identifier).type
    except ValueError:
        return ""


def _some(type_: str, place: int) -> str:
    namespace, *kinds = type_.split("/")
    return namespace + "".join(f"/{kind}/some{place}" for kind in kinds)

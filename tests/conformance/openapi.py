"""Azure's OpenAPI files as a judge: which operation an exchange is, and where it departs from it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from referencing import Registry

from tests.conformance.formats import FORMATS
from tests.conformance.recordings import ROOT
from tests.conformance.schemas import JSON, REQUEST, RESPONSE, Documents, scalar

FOLDER = ROOT / os.environ.get("DPSOPS_AZURE_API", "../shared/azure-api")
"""Where Azure's OpenAPI files are, relative to the repository. The tests that need them skip where it does not exist."""

ABSENT = "no OpenAPI files: DPSOPS_AZURE_API names no folder, and there is none beside the repository"

_BASE = "http://azure/"


@dataclass(frozen=True, slots=True)
class Violation:
    """Where an exchange departs from its operation.

    `where` is `request.query.NAME`, `request.header.NAME`, `request.path.NAME`, `request.body...`,
    `response.status` or `response.body...`, an array's elements as `[]`; `rule` a JSON Schema keyword,
    `declared` (a property that the schema does not have), or `missing` (a parameter, a body).
    """

    where: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} ({self.rule})"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one OpenAPI file; `service` is the name of the file's folder."""

    service: str
    name: str
    method: str
    path: str
    api_version: str
    host: re.Pattern[str]
    expression: re.Pattern[str]
    parameters: tuple[JSON, ...]
    responses: Mapping[str, JSON]

    def names(self, path: str) -> dict[str, str]:
        """The values of the path's parameters."""
        match = self.expression.fullmatch(_tidy(path))
        names = re.findall(r"\{([^}]+)\}", self.path)
        return dict(zip(names, match.groups(), strict=True)) if match else {}


@dataclass(frozen=True, slots=True, repr=False)
class Specification:
    """All operations of a folder of OpenAPI files. What was found once is remembered: most exchanges of the tests are alike."""

    operations: tuple[Operation, ...]
    _registry: Registry[Any]
    _found: dict[tuple[str, str, str, str], Operation | None] = field(default_factory=dict, compare=False)
    _judged: dict[tuple[str, int, str], list[Violation]] = field(default_factory=dict, compare=False)

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Specification:
        """Reads every file of the form SERVICE/VERSION/NAME.json below `folder`, and what they refer to."""
        texts = {urljoin(_BASE, path.relative_to(folder).as_posix()): path.read_text() for path in sorted(folder.rglob("*.json"))}
        documents = Documents({uri: json.loads(text) for uri, text in texts.items()})
        operations = sorted(_operations(documents), key=lambda operation: (operation.path.count("{"), -len(operation.path)))
        return cls(tuple(operations), documents.registry())

    def find(self, method: str, host: str, path: str, api_version: str) -> Operation | None:
        """The operation of a request: of its API version where that is at hand, else of the newest one."""
        asked = method, host, path, api_version
        if asked not in self._found:
            self._found[asked] = self._search(method, host, _tidy(path), api_version)
        return self._found[asked]

    def _search(self, method: str, host: str, path: str, api_version: str) -> Operation | None:
        found = [
            operation
            for operation in self.operations
            if operation.method == method and operation.host.fullmatch(host) and operation.expression.fullmatch(path)
        ]
        exact = [operation for operation in found if operation.api_version == api_version]
        newest = [operation for operation in found if operation.api_version == max(each.api_version for each in found)]
        return next(iter(exact or newest), None)

    def check_request(
        self, operation: Operation, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> list[Violation]:
        """What is wrong with a request. `headers` in lower case; what is read-only need not be sent."""
        given = {
            "path": operation.names(path),
            "query": {name.lower(): value for name, value in query.items()},
            "header": dict(headers),
        }
        violations = []
        for parameter in operation.parameters:
            place, name = parameter["in"], parameter["name"]
            if place == "body":
                violations += self._body("request", parameter.get("required", False), parameter["schema"], body)
                continue
            value = given[place].get(name if place == "path" else name.lower())
            where = f"request.{place}.{name}"
            if value is not None:
                violations += self._errors(where, parameter["schema"], value, _read(parameter["schema"], value))
            elif parameter.get("required"):
                violations.append(Violation(where, "missing", "a required parameter is missing"))
        return violations

    def check_response(self, operation: Operation, status: int, body: bytes) -> list[Violation]:
        """What is wrong with an answer. `default` stands for errors: no success is excused by it."""
        response = _response(operation, status)
        if response is None:
            return [Violation("response.status", "status", f"{status} is not among {sorted(operation.responses)}")]
        return self._body("response", True, response["schema"], body) if "schema" in response else []

    def check_headers(self, operation: Operation, status: int, headers: Iterable[str]) -> list[Violation]:
        """Which of the headers that an answer declares it does not have; `headers` are names."""
        given = {name.lower() for name in headers}
        declared = (_response(operation, status) or {}).get("headers", [])
        absent = [name for name in declared if name.lower() not in given]
        return [Violation(f"response.header.{name}", "missing", "a declared header is missing") for name in absent]

    def _body(self, side: str, required: bool, schema: JSON, body: bytes) -> list[Violation]:
        if not body.strip():
            return [Violation(f"{side}.body", "missing", "a body is missing")] if required else []
        try:
            instance = json.loads(body)
        except ValueError:
            return [Violation(f"{side}.body", "type", "the body is not JSON")]
        return self._errors(f"{side}.body", schema, sha256(body).hexdigest(), instance)

    def _errors(self, where: str, schema: JSON, text: str, instance: Any) -> list[Violation]:
        """What is wrong with an instance, of which `text` tells whether it is the same as one before. The schema lives as long as
        its operation, so that its identity is its name."""
        same = where, id(schema), text
        if same not in self._judged:
            self._judged[same] = list(self._validate(where, schema, instance))
        return self._judged[same]

    def _validate(self, where: str, schema: JSON, instance: Any) -> Iterator[Violation]:
        side = REQUEST if where.startswith("request.") else RESPONSE
        validator = side(schema, registry=self._registry, format_checker=FORMATS)
        for error in validator.iter_errors(instance):
            place = "".join("[]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
            extra = f".{error.validator_value}" if error.validator in {"declared", "required"} else ""
            yield Violation(where + place + extra, str(error.validator), error.message[:300])


def _response(operation: Operation, status: int) -> JSON | None:
    return operation.responses.get(str(status), operation.responses.get("default") if status >= 400 else None)


def _operations(documents: Documents) -> Iterator[Operation]:
    for uri, document in documents.items():
        for path, item in document.get("paths", {}).items():
            for method, operation in item.items():
                # A parameter that is the whole path matches everything, and so tells nothing.
                if method != "parameters" and not re.fullmatch(r"/\{\w+\}", path):
                    yield _operation(documents, uri, document, path, method, operation, item.get("parameters", []))


def _operation(
    documents: Documents, uri: str, document: JSON, path: str, method: str, operation: JSON, shared: list[JSON]
) -> Operation:
    found = [documents.resolve(each, uri) for each in [*shared, *operation.get("parameters", [])]]
    parameters = tuple(
        parameter | {"schema": documents.schema(parameter.get("schema", scalar(parameter)), base)} for parameter, base in found
    )
    responses = {}
    for status, each in operation["responses"].items():
        response, base = documents.resolve(each, uri)
        schema = {"schema": documents.schema(response["schema"], base)} if "schema" in response else {}
        responses[status] = schema | {"headers": sorted(response.get("headers", {}))}
    greedy = {parameter["name"] for parameter in parameters if parameter.get("x-ms-skip-url-encoding")}
    version = document["info"]["version"]
    service = uri.removeprefix(_BASE).split("/")[0]
    name = operation["operationId"]
    expression = _expression(document.get("basePath", "").rstrip("/") + path, greedy)
    return Operation(service, name, method.upper(), path, version, _host(document), expression, parameters, responses)


def _read(schema: JSON, value: str) -> Any:
    """The value of a path, query or header parameter, as its type has it."""
    try:
        match schema.get("type"):
            case "integer":
                return int(value)
            case "boolean":
                return {"true": True, "false": False}[value.lower()]
    except (ValueError, KeyError):
        return value
    return value


def _tidy(path: str) -> str:
    return re.sub(r"//+", "/", path) if path.startswith("/subscriptions") else path


def _expression(path: str, greedy: Iterable[str]) -> re.Pattern[str]:
    """Fixed parts match in any case, as in Azure; an empty version stands for the current one of a vault object."""

    def parameter(name: str) -> str:
        return "(.+)" if name in greedy else "([^/]*)" if name.endswith("-version") else "([^/]+)"

    parts = re.split(r"\{([^}]+)\}", path)
    text = "".join(parameter(part) if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile(text, re.IGNORECASE)


def _host(document: JSON) -> re.Pattern[str]:
    template = document.get("x-ms-parameterized-host", {}).get("hostTemplate", document.get("host", ""))
    parts = re.split(r"(\{\w+\})", template.removeprefix("https://"))
    return re.compile("".join(".+" if part.startswith("{") else re.escape(part) for part in parts), re.IGNORECASE)

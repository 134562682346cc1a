"""Comparing an answer of the embedded Azure with the recorded one: status, headers, the JSON's keys, types and values."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from tests.conformance.carry import MASKS, Carrier, identity
from tests.conformance.forms import inconsistencies, same_form
from tests.conformance.order import misplaced, of_a_template

_GENERATED = {
    *("created", "updated", "nbf", "exp", "deletedDate", "scheduledPurgeDate", "deletionDate", "createdDateTime"),
    *("lastActionDateTime", "expiry", "createdAt", "lastModifiedAt", "notBeforeUtc", "notAfterUtc", "createdDateTimeUtc"),
    *("lastUpdatedDateTimeUtc", "timestampUtc", "n", "x", "y", "cer", "csr", "x5t", "thumbprint", "sha1Thumbprint"),
    *("sha256Thumbprint", "serialNumber", "subjectName", "issuerName", "subject", "certificate", "value", "primaryKey"),
    *("secondaryKey", "connectionString", "verificationCode", "etag", "idScope", "createdBy", "lastModifiedBy"),
    *("createdByType", "lastModifiedByType", "correlationId", "trackingId", "endpoint", "nextLink"),
    *("CreatedTime", "ModifiedTime", "generationId", "connectionStateUpdatedTime", "statusUpdatedTime", "lastActivityTime"),
    *("deviceEtag", "$lastUpdated", "duration", "timestamp", "operationId", "serviceRequestId", "createdOn", "updatedOn"),
    *("resourceGuid", "createdTime", "changedTime", "updatedBy", "lineNumber"),
}
"""Keys of values that Azure makes up, or that the recorder masked: compared by type, unless the client sent the value."""

_PROGRESS = {"provisioningState", "statusCode", "statusMessage", "timestamp", "duration"}
"""Keys of how far an operation is."""

_PERSONS = {"createdBy", "updatedBy", "lastModifiedBy"}
"""Keys of who did it: the caller, who is another one in the replay."""

_TENANTS = "/providers/microsoft.authorization/roleassignments/"
"""The beginning of the IDs of what only the stage assigns: the caller's own roles."""

_SHORTENED = {"path"}
"""Keys of values that Azure makes of a resource's name, so that the recorder, who renames resources, does not find it."""

_ALIKE = {
    ("Pending", "Running"),  # which of the two the first poll of an operation sees is chance
    ("Running", "Pending"),
    ("OK", "Created"),  # as the provider answered that day
    ("Created", "OK"),
    ("Accepted", "Running"),
    ("Running", "Accepted"),
    ("None", "RootCertificateV2"),  # hubs got a new root certificate in 2023, whatever the API version
}
"""Pairs of a recorded value and a later one that both are Azure's."""

_EITHER = re.compile(
    r".*\.operationsMonitoringEvents\.(a|internalA)uthorizationPolicies\[\d+\]\.(CreatedTime|ModifiedTime)"
    r"|body(\.value\[\d+\])?\.properties\.serviceRequestId"
    r"|body\.value\[\d+\]\.properties\.enableSoftDelete"  # a vault made before it came to all does not speak of it
    r"|body\.value\[\d+\]\.properties\.networkAcls"  # left away where the recording goes on to call the vault
)
"""What the same API version showed in one year and not in the next, or what the stage cannot give back."""

_NOT_FOUND = re.compile(
    r"(?:Deleted )?(\w+) not found: (\S+)|An? (\w+) with \(name/id\) (\S+) was not found in this key vault\..*", re.DOTALL
)
"""Key Vault says either, from one request to the next."""

_LINKS = (
    "arm-create-parameter-file|resource-manager-parameter-files|arm-pass-parameter-values|arm-deploy/#parameter-file",
    "arm-deployment-operations|arm-debug|DeployOperations",
)
"""Where Azure sends its readers on, in one year and in another."""

_RANDOM = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE), "<uuid>"),
    (re.compile(r"(?<![0-9a-zA-Z])[0-9a-fA-F]{32}(?![0-9a-zA-Z])"), "<hex>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?"), "<time>"),
    (re.compile(r"(?<=List of available regions is ')[\w,]+"), "<regions>"),
    (re.compile(r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d( [AP]M)?"), "<American time>"),
    (re.compile(r"(?<=/operations/)([0-9A-F]{16}|\d{20})$"), "<operation>"),
    (re.compile(r"(?<=See inner errors for details\.) Please see https://aka\.ms/arm-deploy for usage details\.$"), ""),
    (re.compile(r"^(The deployment operation failed\.|At least one resource deployment operation failed\. .*)$"), "<failed>"),
    *((re.compile(rf"https://aka\.ms/({names})(?=[ .'])"), "<link>") for names in _LINKS),
)
_SUPPORT = re.compile(r" ?If you contact a support representative.*", re.DOTALL)
_CODE_OF_VAULT = re.compile(r"^AKV\d+: ")
_NAMED = re.compile(
    r"/(?:(?:deleted)?vaults|iothubs|provisioningservices|resourcegroups|deployments|roleassignments|locks|certificates|keys|secrets)"
    r"/([^/]+)"
)
_HEADERS = ("location", "azure-asyncoperation", "etag", "www-authenticate", "x-ms-item-type", "x-ms-continuation")


def kind(value: Any) -> str:
    """The JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def stable(text: str) -> str:
    """A text without what differs from run to run: IDs, times, correlation, and Key Vault's newer error numbers."""
    text = _CODE_OF_VAULT.sub("", _SUPPORT.sub("", text))
    if missing := _NOT_FOUND.fullmatch(text):
        text = " ".join(filter(None, missing.groups())).lower()
    for pattern, name in _RANDOM:
        text = pattern.sub(name, text)
    return text


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two answers are compared.

    `sent`: every string and number that the client has sent. `names`: of what the recording deals with, in
    lower case; other things that a list shows were somebody else's. `carrier`: what stands today where the
    recording has an ID. `cut`: the recording ends before the list that is compared does. `blind`: keys that are not
    compared, as they are made of what the recorder has changed or left out. `running`: the list is of operations that go on,
    of which one may have begun or ended a moment sooner or later. `unordered`: the list is of a group's resources, which are
    recorded once, in the order in which they were made at the same time.
    """

    sent: Set[object]
    names: Collection[str]
    carrier: Carrier
    cut: bool = False
    blind: Collection[str] = ()
    running: bool = False
    unordered: bool = False

    def bodies(self, recorded: Any, got: Any, where: str = "body") -> Iterator[str]:
        """The differences, one line each."""
        if kind(recorded) != kind(got):
            yield f"{where}: {kind(recorded)} expected, got {_brief(got)}"
        elif isinstance(recorded, dict):
            if where == "body" and {"namespace", "registrationState"} <= recorded.keys():
                recorded, got = (_without_offers(each) for each in (recorded, got))
            if where == "body" and (self.cut or ("nextLink" in recorded and "nextLink" in got)):
                recorded, got = ({**each, "nextLink": None} for each in (recorded, got))
            yield from self._etags(recorded, got, where)
            yield from inconsistencies(got, where)
            recorded = {_spelled(key, value, got): value for key, value in recorded.items() if key not in self.blind}
            got = {key: value for key, value in got.items() if key not in self.blind}
            if self.running and where.endswith(".properties"):
                recorded, got = ({key: found[key] for key in found if key not in _PROGRESS} for found in (recorded, got))
            for key in recorded.keys() ^ got.keys():
                if _EITHER.fullmatch(f"{where}.{key}") or (key == "statusMessage" and recorded.get(key, "") is None):
                    continue
                if key in recorded:
                    yield f"{where}.{key}: missing, {_brief(recorded[key])} expected"
                else:
                    yield f"{where}.{key}: not expected, got {_brief(got[key])}"
            for key in recorded.keys() & got.keys():
                yield from self.bodies(recorded[key], got[key], f"{where}.{key}")
        elif isinstance(recorded, list):
            yield from self._arrays(recorded, got, where)
        elif not self._alike(recorded, got, where):
            yield f"{where}: {_brief(recorded)} expected, got {_brief(got)}"

    def _arrays(self, recorded: list[Any], got: list[Any], where: str) -> Iterator[str]:
        ours = [element for element in recorded if where != "body.value" or self._is_ours(element)]
        got = [element for element in got if not identity(element).startswith(_TENANTS)]
        if self.running and where == "body.value":
            common = {identity(one) for one in ours} & {identity(other) for other in got}
            ours, got = ([each for each in found if identity(each) in common] for found in (ours, got))
        if len(ours) > len(got) or (len(ours) < len(got) and not self.cut):
            yield f"{where}: {len(ours)} elements expected, got {len(got)}"
        pairs = list(self.carrier.pairs(ours, got))
        made_up = of_a_template(where) and "templateLink" in self.blind
        if not made_up and not (self.unordered and where == "body.value"):
            yield from misplaced(pairs, got, where)
        for index, (one, other) in enumerate(pairs):
            yield from self.bodies(one, other, f"{where}[{index}]")

    def _etags(self, recorded: dict[str, Any], got: dict[str, Any], where: str) -> Iterator[str]:
        """An etag stays as long as the recorded one did, and changes when it did."""
        if isinstance(recorded.get("etag"), str) and isinstance(got.get("etag"), str):
            known = self.carrier.etags(identity(recorded))
            expected = known.get(recorded["etag"])
            if expected is not None and got["etag"] != expected:
                yield f"{where}.etag: {expected!r} expected again, got {got['etag']!r}"
            elif expected is None and got["etag"] in known.values():
                yield f"{where}.etag: another one than {got['etag']!r} expected"

    def _is_ours(self, element: Any) -> bool:
        found = _NAMED.findall(identity(element))
        return not found or found[-1] in self.names

    def _alike(self, recorded: Any, got: Any, where: str) -> bool:
        if recorded == got or recorded in MASKS or (recorded, got) in _ALIKE:
            return True
        if (".dependencies[" in where or ".dependsOn[" in where) and recorded.lower() == got.lower():
            return True  # they are spelt as the template names them, here and there in another case
        name = where.rpartition(".")[2]
        if name == "n" and _same_number(recorded, got):
            return True
        if name in _GENERATED or name in _SHORTENED or name in _PERSONS:
            if name in _SHORTENED or name in _PERSONS:
                return True
            alike = not isinstance(recorded, str) or name == "serialNumber" or same_form(recorded, got)
            return alike and not self.sent & {recorded, got}
        if not isinstance(recorded, str):
            return False
        if _unique(recorded) == _unique(got):
            return True
        now = self.carrier.text(recorded)
        return _host(now) == _host(got) if now != recorded else stable(_host(recorded)) == stable(_host(got))


def headers(recorded: Mapping[str, str], got: Mapping[str, str]) -> Iterator[str]:
    """The headers of the protocol that one answer has and the other has not (names in lower case).

    Recorders drop `Retry-After`, so that only its absence from the embedded Azure's answer says something; or they write a
    second or none for every pause, so that only a longer one does.
    """
    for name in (*_HEADERS, "retry-after"):
        if name in recorded and name not in got:
            yield f"header {name}: missing"
        elif name in got and name not in recorded and name != "retry-after":
            yield f"header {name}: not expected, got {_brief(got[name])}"
    if "x-ms-failure-cause" in recorded and "x-ms-failure-cause" not in got:
        yield "header x-ms-failure-cause: missing"
    for name in ("x-ms-item-type", "retry-after"):
        wanted, given = recorded.get(name), got.get(name)
        if wanted and given and wanted not in ("0", "1", given):
            yield f"header {name}: {wanted} expected, got {given}"
    etags = [each.get("etag", "") for each in (recorded, got)]
    if all(etags) and etags[0].startswith('"') != etags[1].startswith('"'):
        yield f"header etag: {_brief(etags[1])}, where the recorded one is {_brief(etags[0])}"
    challenges = [_challenge(each.get("www-authenticate", "")) for each in (recorded, got)]
    if challenges[0] and challenges[1] and challenges[0] != challenges[1]:
        yield f"header www-authenticate: {challenges[0]} expected, got {challenges[1]}"


def _challenge(header: str) -> tuple[str, list[tuple[str, str]]] | None:
    """Scheme and parameters of a challenge, without the tenant that signs in, whose host had another name before 2022."""
    if not header:
        return None
    found = re.findall(r'(\w+)="([^"]*)"', header.replace("login.windows.net", "login.microsoftonline.com"))
    return header.partition(" ")[0], [(name, re.sub(r"(?<=\w\.\w{3}/).*", "", value)) for name, value in found]


def _without_offers(provider: Mapping[str, Any]) -> dict[str, Any]:
    """A provider without what it offers, and to whom: that differs from year to year, and most of it is not here."""
    return {key: value for key, value in provider.items() if key not in ("resourceTypes", "authorization", "authorizations")}


def _unique(text: str) -> str:
    """A text without what `uniqueString` made at the end of a name: out of names and IDs that the recorder has changed."""
    return re.sub(r"(?<=[a-z])[a-z2-7]{13}(?=$|/)", "<unique>", stable(text)) if text.startswith("/") or "/" not in text else text


def _host(text: str) -> str:
    """A URL with its host in lower case, as Azure writes it: recorders that mask a name write it in their own case."""
    return re.sub(r"^https://[^/]+", lambda found: found[0].lower(), text)


def _same_number(one: str, other: str) -> bool:
    """Whether two moduli are the same number: an imported one is shown with the leading zero that it was sent with in
    one recording, and without it in another of the same API version."""
    return base64.urlsafe_b64decode(f"{one}===").lstrip(b"\0") == base64.urlsafe_b64decode(f"{other}===").lstrip(b"\0")


def _spelled(key: str, value: Any, got: Mapping[str, Any]) -> str:
    """The key as it is in `got`: recorders that mask a value write its key in their own case."""
    return next((each for each in got if each.lower() == key.lower()), key) if isinstance(value, str) and value in MASKS else key


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:160]}..."

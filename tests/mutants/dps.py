"""Faults in the answers of the Device Provisioning Service: its management, its service API, its device API."""

from __future__ import annotations

from dpsops.emulator.http import Response
from tests.mutants.alterations import at, backwards, header, status, without, words
from tests.mutants.mutants import Answers, Kind, Mutant, Rule, Service, Witness

_HOST = r"[^.]+\.azure-devices-provisioning\.net"
_MANAGEMENT = r"management\.azure\.com"
_MANAGED = "management.azure.com/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/provisioningServices/d"
_PATH = r".*/providers/Microsoft\.Devices/provisioningServices/[^/]+"
_SERVICE = "d.azure-devices-provisioning.net"
_LINK = "HostName=h.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****"
_GROUP = {"attestation": {"x509": {"signingCertificates": {"primary": {"info": {"sha256Thumbprint": "A", "version": 3}}}}}}


def _mutant(name: str, kind: Kind, behaviour: str, fault: Answers | Rule, witness: Witness = Witness.RECORDING) -> Mutant:
    return Mutant(f"dps-{name}", Service.DPS, kind, witness, behaviour, fault)


DPS = (
    _mutant(
        "put-200",
        Kind.STATUS,
        "The PUT of a service is answered 200, not 201.",
        Answers("PUT", _MANAGEMENT, _PATH, status(201, 200), f"PUT {_MANAGED}", Response(201, {})),
    ),
    _mutant(
        "group-put-201",
        Kind.STATUS,
        "The PUT of an enrollment group is answered 201, not 200.",
        Answers(
            "PUT", _HOST, r"/enrollmentGroups/[^/]+", status(200, 201), f"PUT {_SERVICE}/enrollmentGroups/g", Response(200, {})
        ),
    ),
    _mutant(
        "put-no-operation",
        Kind.HEADER,
        "The PUT of a service does not say where to poll.",
        Answers(
            "PUT",
            _MANAGEMENT,
            _PATH,
            header("Azure-AsyncOperation"),
            f"PUT {_MANAGED}",
            Response(201, {}, {"Azure-AsyncOperation": "u"}),
        ),
    ),
    _mutant(
        "register-no-retry-after",
        Kind.HEADER,
        "A device that registers is not told when to poll.",
        Answers(
            "PUT",
            _HOST,
            r"/[^/]+/registrations/[^/]+/register",
            header("Retry-After"),
            "PUT global.azure-devices-provisioning.net/0ne/registrations/r/register",
            Response(202, {}, {"Retry-After": "3"}),
        ),
        Witness.SPECIFICATION,
    ),
    _mutant(
        "group-without-thumbprint",
        Kind.SHAPE,
        "The `info` of an enrollment group's certificate does not show its SHA-256 thumbprint.",
        Answers(
            "GET|PUT",
            _HOST,
            r"/enrollmentGroups/[^/]+",
            without("attestation.x509.signingCertificates.primary.info.sha256Thumbprint"),
            f"GET {_SERVICE}/enrollmentGroups/g",
            Response(200, _GROUP),
        ),
    ),
    _mutant(
        "enrollment-without-registration",
        Kind.SHAPE,
        "An individual enrollment that nobody has used shows no `registrationState`.",
        Answers(
            "GET",
            _HOST,
            r"/enrollments/[^/]+",
            without("registrationState"),
            f"GET {_SERVICE}/enrollments/e",
            Response(200, {"registrationState": {"status": "unassigned"}}),
        ),
    ),
    _mutant(
        "rights-backwards",
        Kind.ORDER,
        "The rights of a shared access policy are listed backwards.",
        Answers(
            "POST",
            _MANAGEMENT,
            _PATH + "/listkeys",
            at("value[].rights", lambda rights: ", ".join(reversed(rights.split(", ")))),
            f"POST {_MANAGED}/listkeys",
            Response(200, {"value": [{"rights": "ServiceConfig, DeviceConnect"}]}),
        ),
    ),
    _mutant(
        "certificates-backwards",
        Kind.ORDER,
        "The certificates of a service are listed backwards.",
        Answers(
            "GET",
            _MANAGEMENT,
            _PATH + "/certificates",
            backwards("value"),
            f"GET {_MANAGED}/certificates",
            Response(200, {"value": [{"name": "a"}, {"name": "b"}]}),
        ),
    ),
    _mutant(
        "bulk-words",
        Kind.TEXT,
        "A bulk request says in other words that an entry is there already.",
        Answers(
            "POST",
            _HOST,
            "/enrollment(Group)?s",
            words("errors[].errorStatus", "already exists", "is there already"),
            f"POST {_SERVICE}/enrollments",
            Response(200, {"errors": [{"errorStatus": "Enrollment already exists."}]}),
        ),
    ),
    _mutant(
        "link-mask",
        Kind.TEXT,
        "The key of a linked hub's connection string is masked by other signs.",
        Answers(
            "GET",
            _MANAGEMENT,
            _PATH,
            words("properties.iotHubs[].connectionString", r"\*{4}$", "XXXX"),
            f"GET {_MANAGED}",
            Response(200, {"properties": {"iotHubs": [{"connectionString": _LINK}]}}),
        ),
    ),
    _mutant(
        "bulk-update",
        Kind.MISSING_REFUSAL,
        "A bulk update without etags of an entry that is there succeeds.",
        Answers(
            "POST",
            _HOST,
            "/enrollment(Group)?s",
            at(
                "", lambda found: {"errors": [], "isSuccessful": True} if isinstance(found, dict) and "errors" in found else found
            ),
            f"POST {_SERVICE}/enrollments",
            Response(200, {"errors": [{"errorCode": 409201}], "isSuccessful": False}),
        ),
    ),
    _mutant(
        "required-flags",
        Kind.MISSING_REFUSAL,
        "`reprovisionPolicy` and `capabilities` of an enrollment may lack what the specification requires of them.",
        Rule("dpsops.emulator.dps.enrollments.settings._required_flag", permits=False),
        Witness.SPECIFICATION,
    ),
)

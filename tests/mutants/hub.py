"""Faults in the answers of IoT hubs: their management, and their device registry."""

from __future__ import annotations

from collections.abc import Callable

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Response
from tests.mutants.alterations import Alteration, at, backwards, both, header, status, without, words
from tests.mutants.mutants import Answers, Kind, Mutant, Rule, Service, Witness

_HOST = r"[^.]+(\.service)?\.azure-devices\.net"
_MANAGEMENT = r"management\.azure\.com"
_MANAGED = "management.azure.com/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/h"
_PATH = r".*/providers/Microsoft\.Devices/IotHubs/[^/]+"
_ONE_OR_ALL = r".*/providers/Microsoft\.Devices/IotHubs(/[^/]+)?"
_HUB = "h.azure-devices.net"
_DEVICE = r"/devices/(?!query$)[^/]+"
_TWIN = {"properties": {"reported": {"$version": 1, "$metadata": {}}}}


def _mutant(name: str, kind: Kind, behaviour: str, fault: Answers | Rule, witness: Witness = Witness.RECORDING) -> Mutant:
    return Mutant(f"hub-{name}", Service.HUB, kind, witness, behaviour, fault)


def _of_each_hub(edit: Callable[[JSON], JSON]) -> Alteration:
    """The properties of a hub, or of each in a list of hubs, edited."""
    return both(at("properties", edit), at("value[].properties", edit))


HUB = (
    _mutant(
        "identity-put-201",
        Kind.STATUS,
        "The PUT of a device identity is answered 201, not 200.",
        Answers("PUT", _HOST, _DEVICE, status(200, 201), f"PUT {_HUB}/devices/d", Response(200, {})),
    ),
    _mutant(
        "delete-200",
        Kind.STATUS,
        "The DELETE of a hub is answered 200, not 202.",
        Answers("DELETE", _MANAGEMENT, _PATH, status(202, 200), f"DELETE {_MANAGED}", Response(202)),
    ),
    _mutant(
        "identity-etag-unquoted",
        Kind.HEADER,
        "The header `ETag` of a device identity has no quotation marks.",
        Answers(
            "GET|PUT",
            _HOST,
            _DEVICE,
            header("ETag", lambda value: value.strip('"')),
            f"GET {_HUB}/devices/d",
            Response(200, {}, {"ETag": '"MQ=="'}),
        ),
    ),
    _mutant(
        "query-no-item-type",
        Kind.HEADER,
        "The answer to a query does not say in `x-ms-item-type` what is in it.",
        Answers(
            "POST",
            _HOST,
            "/devices/query",
            header("x-ms-item-type"),
            f"POST {_HUB}/devices/query",
            Response(200, [], {"x-ms-item-type": "Twin"}),
        ),
    ),
    _mutant(
        "twin-without-version",
        Kind.SHAPE,
        "The reported properties of a twin have no `$version`.",
        Answers(
            "GET|PATCH|PUT",
            _HOST,
            r"/twins/[^/]+",
            without("properties.reported.$version"),
            f"GET {_HUB}/twins/d",
            Response(200, _TWIN),
        ),
    ),
    _mutant(
        "host-name-early",
        Kind.SHAPE,
        "A hub that is being made shows its host.",
        Answers(
            "GET",
            _MANAGEMENT,
            _ONE_OR_ALL,
            _of_each_hub(lambda found: {"hostName": _HUB} | found if found.get("state") == "Activating" else found),
            f"GET {_MANAGED}",
            Response(200, {"properties": {"state": "Activating"}}),
        ),
    ),
    _mutant(
        "consumer-groups-backwards",
        Kind.ORDER,
        "The consumer groups of a hub are listed backwards, so that `$Default` is the last.",
        Answers(
            "GET",
            _MANAGEMENT,
            _PATH + "/eventHubEndpoints/events/ConsumerGroups",
            backwards("value"),
            f"GET {_MANAGED}/eventHubEndpoints/events/ConsumerGroups",
            Response(200, {"value": [{"name": "$Default"}, {"name": "a"}]}),
        ),
    ),
    _mutant(
        "keys-backwards",
        Kind.ORDER,
        "The shared access policies of a hub are listed backwards.",
        Answers(
            "POST",
            _MANAGEMENT,
            _PATH + "/listkeys",
            backwards("value"),
            f"POST {_MANAGED}/listkeys",
            Response(200, {"value": [{"keyName": "iothubowner"}, {"keyName": "service"}]}),
        ),
    ),
    _mutant(
        "changing-says-activating",
        Kind.TEXT,
        "A hub that is being changed says that it is `Activating`, not `Transitioning`.",
        Answers(
            "GET",
            _MANAGEMENT,
            _ONE_OR_ALL,
            both(*(words(f"{each}properties.state", "Transitioning", "Activating") for each in ("", "value[]."))),
            f"GET {_MANAGED}",
            Response(200, {"properties": {"state": "Transitioning"}}),
        ),
    ),
    _mutant(
        "device-not-found-words",
        Kind.TEXT,
        "The message for an unknown device does not begin with the error's code.",
        Answers(
            ".*",
            _HOST,
            ".*",
            words("Message", "^ErrorCode:DeviceNotFound;", ""),
            f"GET {_HUB}/devices/d",
            Response(404, {"Message": "ErrorCode:DeviceNotFound;d"}),
        ),
        Witness.OBSERVED,
    ),
    _mutant(
        "stale-etag",
        Kind.MISSING_REFUSAL,
        "A device identity is changed and deleted under an etag that it no longer has.",
        Rule("dpsops.emulator.iothub.identities.check_condition", statuses=frozenset({412})),
    ),
    _mutant(
        "queue-out-of-range",
        Kind.MISSING_REFUSAL,
        "A hub takes queues with any number of deliveries, and with durations that are none.",
        Rule("dpsops.emulator.iothub.requirements.check_queue"),
        Witness.SPECIFICATION,
    ),
)

"""The judge of the replay is held to account: it takes a true recording, and no false one. Both are made up here."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.carry import Carrier
from tests.conformance.messages import Recording
from tests.conformance.recordings import read_recording
from tests.conformance.replay import Outcome, Replay, Result
from tests.conformance.scope import HANDSHAKE
from tests.conformance.shape import Comparison

VAULT = "https://v-00000001.vault.azure.net"
VERSION = "0123456789abcdef0123456789abcdef"
CHALLENGE = 'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"'
ATTRIBUTES = {
    "enabled": True,
    "created": 1,
    "updated": 1,
    "recoveryLevel": "CustomizedRecoverable+Purgeable",
    "recoverableDays": 7,
}
SECRET = {"id": f"{VAULT}/secrets/s/{VERSION}", "attributes": ATTRIBUTES, "tags": {"a": "b"}}
DELETED = {"recoveryId": f"{VAULT}/deletedsecrets/s", "deletedDate": 1, "scheduledPurgeDate": 604801, **SECRET}
NOT_FOUND = {"error": {"code": "SecretNotFound", "message": "Deleted Secret not found: s"}}
UNAUTHORIZED = {"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token."}}
BUSY = {
    "error": {
        "code": "Conflict",
        "message": "Secret s is currently in a deleted but recoverable state, and its name cannot be reused; in this state, "
        "the secret can only be recovered or purged.",
        "innererror": {"code": "ObjectIsDeletedButRecoverable"},
    }
}
SENT = {"value": "hidden", "tags": {"a": "b"}}

Step = tuple[str, str, Any, int, Any]
STEPS: list[Step] = [
    ("PUT", "/secrets/s", None, 401, UNAUTHORIZED),
    ("PUT", "/secrets/s", SENT, 200, {"value": "hidden", **SECRET}),
    ("GET", f"/secrets/s/{VERSION}", None, 200, {"value": "hidden", **SECRET}),
    ("GET", "/secrets", None, 200, {"value": [{**SECRET, "id": f"{VAULT}/secrets/s"}], "nextLink": None}),
    ("DELETE", "/secrets/s", None, 200, DELETED),
    ("GET", "/deletedsecrets/s", None, 404, NOT_FOUND),
    ("GET", "/deletedsecrets/s", None, 404, NOT_FOUND),
    ("GET", "/deletedsecrets/s", None, 200, DELETED),
    ("PUT", "/secrets/s", SENT, 409, BUSY),
    ("DELETE", "/deletedsecrets/s", None, 204, None),
]


def replayed(folder: Path, steps: list[Step], host: str = VAULT, version: str = "7.4") -> list[Result]:
    interactions = [
        {
            "request": {"method": method, "uri": f"{host}{path}?api-version={version}", "headers": {}, "body": json.dumps(sent)},
            "response": {
                "status": {"code": status, "message": ""},
                "headers": {"WWW-Authenticate": [CHALLENGE]} if status == 401 else {},
                "body": {"string": "" if answer is None else json.dumps(answer)},
            },
        }
        for method, path, sent, status, answer in steps
    ]
    path = folder / "made-up.json"
    path.write_text(json.dumps({"interactions": interactions}))
    recording = read_recording(path, [folder])
    assert isinstance(recording, Recording)
    return Replay(recording).run()


def test_a_true_recording_matches(tmp_path: Path) -> None:
    assert [(result.outcome, result.reasons) for result in replayed(tmp_path, STEPS)] == [(Outcome.MATCHED, ())] * len(STEPS)


Change = Callable[[Any], Any]


def without(name: str) -> Change:
    return lambda answer: {key: value for key, value in answer.items() if key != name}


def having(**more: Any) -> Change:
    return lambda answer: answer | more


@pytest.mark.parametrize(
    ("index", "change", "reason"),
    [
        (0, having(error={"code": "Unauthorized", "message": "Go away."}), "body.error.message: 'Go away.' expected"),
        (1, having(value="shown"), "body.value: 'shown' expected"),
        (1, having(contentType="text/plain"), "body.contentType: missing"),
        (1, without("tags"), "body.tags: not expected"),
        (2, having(tags={"a": "c"}), "body.tags.a: 'c' expected"),
        (2, having(id=f"{VAULT}/secrets/other/{VERSION}"), "body.id"),
        (3, having(value=[]), "body.value: 0 elements expected, got 1"),
        (4, having(deletedDate="1"), "body.deletedDate: string expected"),
        (4, having(attributes=ATTRIBUTES | {"enabled": False}), "body.attributes.enabled: False expected"),
        (7, having(scheduledPurgeDate=None), "body.scheduledPurgeDate: null expected"),
        (8, having(error=BUSY["error"] | {"innererror": {"code": "ObjectIsBeingDeleted"}}), "body.error.innererror.code"),
    ],
)
def test_a_false_answer_differs(tmp_path: Path, index: int, change: Change, reason: str) -> None:
    steps = copy.deepcopy(STEPS)
    method, path, sent, status, answer = steps[index]
    steps[index] = (method, path, sent, status, change(answer))
    results = replayed(tmp_path, steps)
    assert [result.exchange.index for result in results if result.outcome is Outcome.DIFFERED] == [index]
    assert any(each.startswith(reason) for each in results[index].reasons), results[index].reasons


def test_a_false_status_differs(tmp_path: Path) -> None:
    steps = [*STEPS[:-1], ("DELETE", "/deletedsecrets/s", None, 200, None)]
    assert replayed(tmp_path, steps)[-1].reasons == ("status: 200 expected, got 204 ",)


def test_a_host_is_the_same_in_any_case(tmp_path: Path) -> None:
    masked = json.loads(json.dumps(STEPS).replace(VAULT, "https://Sanitized.vault.azure.net"))
    results = replayed(tmp_path, [tuple(step) for step in masked], "https://Sanitized.vault.azure.net")
    assert [each.reasons for each in results if each.outcome is not Outcome.MATCHED] == []


def test_what_was_there_before_is_made(tmp_path: Path) -> None:
    results = replayed(tmp_path, STEPS[3:4])
    assert [result.outcome for result in results] == [Outcome.MATCHED]


def test_what_is_left_out_is_refused_and_what_is_foreign_is_passed_over(tmp_path: Path) -> None:
    (omitted,) = replayed(tmp_path, [("GET", "/storage", None, 200, {"value": []})])
    assert omitted.outcome is Outcome.REFUSED
    (unknown,) = replayed(tmp_path, [("GET", "/nonsense", None, 200, {"value": []})])
    assert unknown.outcome is Outcome.DIFFERED
    (foreign,) = replayed(tmp_path, [("GET", "/container", None, 200, None)], "https://s.blob.core.windows.net")
    assert foreign.outcome is Outcome.FOREIGN


def test_a_hub_is_there_and_tells_of_its_devices(tmp_path: Path) -> None:
    unknown = {"Message": "ErrorCode:DeviceNotFound;d1", "ExceptionMessage": "Tracking ID:0-TimeStamp:0"}
    steps: list[Step] = [
        ("GET", "/devices", None, 200, []),
        ("GET", "/devices/d1", None, 200, {"deviceId": "d1"}),
        ("GET", "/devices/d1/modules", None, 200, []),
        ("GET", "/jobs/v2/j", None, 200, {}),
        ("GET", "/devices/d1", None, 404, unknown),
    ]
    results = replayed(tmp_path, steps, "https://hub-00000001.azure-devices.net", "2021-04-12")
    assert [each.outcome for each in results[:4]] == [Outcome.MATCHED, Outcome.DIFFERED, Outcome.REFUSED, Outcome.REFUSED]
    assert results[1].reasons[0].startswith("status: 200 expected, got 404")
    assert not any(each.startswith("status") for each in results[4].reasons)


def test_what_a_device_asks_cannot_be_replayed(tmp_path: Path) -> None:
    step: Step = ("PUT", "/0ne00000000/registrations/d1/register", {"registrationId": "d1"}, 202, {"status": "assigning"})
    (result,) = replayed(tmp_path, [step], "https://global.azure-devices-provisioning.net", "2021-06-01")
    assert (result.outcome, result.reasons) == (Outcome.REFUSED, (HANDSHAKE,))


def test_elements_that_share_an_id_are_compared_in_order() -> None:
    twice = [{"id": "/c", "value": 1}, {"id": "/c", "value": 2}]
    assert [other["value"] for _, other in Carrier().pairs(twice, copy.deepcopy(twice))] == [1, 2]


def compare(recorded: Any, got: Any, carrier: Carrier) -> list[str]:
    return list(Comparison(set(), {"c"}, carrier).bodies(recorded, got))


def test_an_etag_changes_when_the_recorded_one_did() -> None:
    carrier = Carrier()
    carrier.learn({"id": "/c", "etag": "recorded-1"}, {"id": "/c", "etag": "now-1"})
    assert compare({"id": "/c", "etag": "recorded-1"}, {"id": "/c", "etag": "now-1"}, carrier) == []
    assert compare({"id": "/c", "etag": "recorded-2"}, {"id": "/c", "etag": "now-2"}, carrier) == []
    assert compare({"id": "/c", "etag": "recorded-1"}, {"id": "/c", "etag": "now-2"}, carrier)
    assert compare({"id": "/c", "etag": "recorded-2"}, {"id": "/c", "etag": "now-1"}, carrier)


def test_a_version_is_the_one_that_it_was() -> None:
    one, other, now, later = ("0" * 32, "1" * 32, "a" * 32, "b" * 32)
    carrier = Carrier()
    carrier.learn({"id": f"https://v/keys/c/{one}"}, {"id": f"https://v/keys/c/{now}"})
    assert compare({"kid": f"https://v/keys/c/{one}"}, {"kid": f"https://v/keys/c/{now}"}, carrier) == []
    assert compare({"kid": f"https://v/keys/c/{one}"}, {"kid": f"https://v/keys/c/{later}"}, carrier)
    assert compare({"kid": f"https://v/keys/c/{other}"}, {"kid": f"https://v/keys/c/{later}"}, carrier) == []


def test_versions_are_told_apart_in_any_order() -> None:
    one, other, now, later = ("0" * 32, "1" * 32, "b" * 32, "a" * 32)
    carrier = Carrier()
    carrier.learn({"id": f"https://v/keys/c/{one}"}, {"id": f"https://v/keys/c/{now}"})
    carrier.learn({"id": f"https://v/keys/c/{other}"}, {"id": f"https://v/keys/c/{later}"})
    recorded = [{"id": f"https://v/keys/c/{one}", "enabled": True}, {"id": f"https://v/keys/c/{other}", "enabled": False}]
    got = [{"id": f"https://v/keys/c/{later}", "enabled": False}, {"id": f"https://v/keys/c/{now}", "enabled": True}]
    assert compare(recorded, got, carrier) == []
    assert compare(recorded, [each | {"enabled": True} for each in got], carrier)

"""The registry's promise to those who send `If-Match`, under any sequence of requests."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from hypothesis.strategies import integers, sampled_from

from tests.emulator.iothub.lab import Lab

DEVICES = sampled_from(["a", "A"])


class Registry(RuleBasedStateMachine):
    """A model of two devices: for each its present etag, and those that it has had."""

    def __init__(self) -> None:
        super().__init__()
        self.lab = Lab()
        self.present: dict[str, tuple[str, str]] = {}
        self.past: dict[str, list[str]] = {"a": ["MQ=="], "A": ["MQ=="]}

    def ask(self, method: str, device: str, condition: str | None, body: Any = None) -> int:
        """The status of an answer; the clock is moved, so that no rate is in the way."""
        self.lab.arm.clock.advance(60)
        headers = {} if condition is None else {"if-match": condition}
        answer = self.lab.call(method, f"/devices/{device}", body, headers=headers)
        if method == "PUT" and answer.status == 200:
            if device in self.present:
                self.past[device].append(self.present[device][0])
            assert answer.headers["ETag"] == f'"{answer.body["etag"]}"'
            self.present[device] = answer.body["etag"], answer.body["status"]
        return answer.status

    @rule(device=DEVICES, condition=sampled_from([None, "", '""']))
    def create(self, device: str, condition: str | None) -> None:
        """Works once."""
        expected = 409 if device in self.present else 200
        assert self.ask("PUT", device, condition, {"deviceId": device}) == expected

    @rule(device=DEVICES, status=sampled_from(["enabled", "disabled"]), force=sampled_from([True, False]))
    def update(self, device: str, status: str, force: bool) -> None:
        """Works under the present etag, and under a star."""
        etag, _ = self.present.get(device, ("MQ==", ""))
        expected = 200 if device in self.present else 404
        condition = "*" if force else f'"{etag}"'
        assert self.ask("PUT", device, condition, {"deviceId": device, "status": status}) == expected

    @rule(device=DEVICES, which=integers(0, 3), method=sampled_from(["PUT", "DELETE"]))
    def come_too_late(self, device: str, which: int, method: str) -> None:
        """Works under no etag of the past."""
        stale = self.past[device][which % len(self.past[device])]
        expected = 412 if device in self.present else 404
        assert self.ask(method, device, f'"{stale}"', {"deviceId": device, "status": "disabled"}) == expected

    @rule(device=DEVICES, force=sampled_from([True, False]))
    def delete(self, device: str, force: bool) -> None:
        """Works once."""
        etag, _ = self.present.get(device, ("MQ==", ""))
        expected = 204 if device in self.present else 404
        assert self.ask("DELETE", device, "*" if force else f'"{etag}"') == expected
        if device in self.present:
            self.past[device].append(self.present.pop(device)[0])

    @invariant()
    def the_registry_is_what_was_accepted(self) -> None:
        """No refusal has left a trace, and none was forgotten."""
        self.lab.arm.clock.advance(60)
        shown = {each["deviceId"]: (each["etag"], each["status"]) for each in self.lab.ok("GET", "/devices")}
        assert shown == self.present


def test_no_sequence_of_requests_loses_an_update() -> None:
    run_state_machine_as_test(Registry, settings=settings(max_examples=40, stateful_step_count=20))

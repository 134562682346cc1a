"""The queue of cloud-to-device messages: locked, completed, abandoned, expired."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub import messages
from dpsops.emulator.iothub.devices import find_device
from dpsops.emulator.world import World
from tests.emulator.iothub.lab import Lab


class Queue:
    """The queue of one device of a lab."""

    def __init__(self, lab: Lab, device: str = "d1") -> None:
        self._lab = lab
        self.device = device
        lab.create(device)

    @contextmanager
    def _open(self) -> Iterator[tuple[World, JSON, JSON]]:
        """The world, the hub and the device, inside one transaction."""
        hub = self._lab.hub()
        with self._lab.world() as world:
            device = find_device(world, hub, self.device)
            assert device is not None
            yield world, hub, device

    def add(self, body: str = "aGk=", **more: float) -> JSON:
        """Puts a message in."""
        with self._open() as place:
            return messages.enqueue(*place, {"body": body, "properties": {}, "system": {}} | more)

    def take(self, seconds: float = 60) -> JSON | None:
        """The next message, locked."""
        with self._open() as place:
            return messages.lock_next(*place, seconds)

    def token(self) -> str:
        """The lock of the next message, which has to be there."""
        message = self.take()
        assert message is not None
        return str(message["lock"]["token"])

    def complete(self, token: str) -> None:
        """Settles a message."""
        with self._open() as place:
            messages.complete(*place, token)

    def abandon(self, token: str) -> None:
        """Puts a message back."""
        with self._open() as place:
            messages.abandon(*place, token)

    def waiting(self) -> list[int]:
        """The sequence numbers of what is in the queue."""
        with self._open() as place:
            return [each["sequence"] for each in messages.queued(*place)]


def test_messages_come_in_their_order_and_each_once_while_it_is_locked(lab: Lab) -> None:
    queue = Queue(lab)
    for body in ("MQ==", "Mg=="):
        queue.add(body)
    taken = [queue.take(), queue.take(), queue.take()]
    assert [each and each["body"] for each in taken] == ["MQ==", "Mg==", None]


def test_a_completed_message_is_gone_and_its_lock_with_it(lab: Lab) -> None:
    queue = Queue(lab)
    queue.add()
    token = queue.token()
    queue.complete(token)
    assert queue.waiting() == []
    for settle in (queue.complete, queue.abandon):
        with pytest.raises(messages.LockLost):
            settle(token)


def test_an_abandoned_message_comes_again_under_another_lock(lab: Lab) -> None:
    queue = Queue(lab)
    queue.add()
    first = queue.token()
    queue.abandon(first)
    again = queue.take()
    assert again is not None
    assert (again["sequence"], again["deliveries"]) == (1, 2)
    with pytest.raises(messages.LockLost):
        queue.complete(first)


def test_a_lock_ends_with_its_time(lab: Lab) -> None:
    queue = Queue(lab)
    queue.add()
    token = queue.token()
    lab.arm.clock.advance(59.9)
    assert queue.take() is None
    lab.arm.clock.advance(0.2)
    with pytest.raises(messages.LockLost):
        queue.complete(token)
    assert queue.take() is not None


@pytest.mark.parametrize("gives_up", ["abandons", "lets the lock run out"])
def test_the_tenth_delivery_is_the_last(lab: Lab, gives_up: str) -> None:
    queue = Queue(lab)
    queue.add()
    for _ in range(10):
        token = queue.token()
        if gives_up == "abandons":
            queue.abandon(token)
        else:
            lab.arm.clock.advance(61)
    assert queue.take() is None
    assert queue.waiting() == []


def test_a_message_expires_after_the_hubs_hour_or_when_it_says(lab: Lab) -> None:
    queue = Queue(lab)
    now = lab.arm.clock.now()
    queue.add()
    queue.add(expires=now + 5)
    lab.arm.clock.advance(5)
    assert queue.waiting() == [1]
    lab.arm.clock.advance(3594)
    assert queue.waiting() == [1]
    lab.arm.clock.advance(1)
    assert queue.waiting() == []


def test_a_queue_holds_fifty_messages_that_are_not_settled(lab: Lab) -> None:
    queue = Queue(lab)
    for _ in range(50):
        queue.add()
    with pytest.raises(messages.QueueFull):
        queue.add()
    queue.complete(queue.token())
    assert queue.add()["sequence"] == 51


def test_each_device_has_its_own_and_a_deleted_one_has_none(lab: Lab) -> None:
    queue, other = Queue(lab), Queue(lab, "d1-2")
    queue.add()
    assert other.waiting() == []
    other.add()
    token = other.token()
    with pytest.raises(messages.LockLost):
        queue.complete(token)
    lab.ok("DELETE", "/devices/d1", headers={"if-match": "*"})
    lab.create("d1")
    assert queue.waiting() == []
    assert other.waiting() == [1]

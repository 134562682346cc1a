"""A conversation in MQTT: what a client may send when, what is acknowledged, and what it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.emulator.azure import Azure
from dpsops.emulator.faults import Delay, Drop, Effect, Fault, Refuse, Throttle
from dpsops.emulator.http import Request, Response
from dpsops.emulator.mqtt import packets
from dpsops.emulator.mqtt.conversation import Conversation
from dpsops.emulator.mqtt.packets import Connect, Disconnect, Packet, Pingreq, Puback, Publish, Subscribe, Unsubscribe
from dpsops.emulator.post import Publication
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock
from tests.emulator.mqtt.client import encoded, field, frame, published
from tests.emulator.mqtt.parrot import HEARD, HOST, Parrot

HELLO = Connect("press-07", False, 60, "someone", b"word")
ECHO = Subscribe(1, (("$said/#", 1),))


@pytest.fixture
def azure() -> Iterator[Azure]:
    """An embedded Azure with a parrot, without a network."""
    database = Database(None)
    yield Azure(database, Clock(frozen_at=0), endpoints=(Parrot(),))
    database.close()


@pytest.fixture
def conversation(azure: Azure) -> Conversation:
    """A client with a certificate, which has said nothing yet."""
    return Conversation(azure, HOST, (b"leaf", b"issuer"))


def say(conversation: Conversation, *said: Packet | bytes) -> bytes:
    """Everything that is answered."""
    return b"".join(conversation.hear(b"".join(part if isinstance(part, bytes) else encoded(part) for part in said)))


def kept(azure: Azure, topic: str) -> bool:
    """Whether what was published under the topic is in the state."""
    with azure.database.transaction() as state:
        return state.get(HEARD, topic) is not None


def test_the_endpoint_hears_who_connects(conversation: Conversation) -> None:
    assert say(conversation, HELLO, Subscribe(1, (("$said/who", 0),))) == packets.connack(0) + packets.suback(1, [0])
    (_, length, *rest) = say(conversation, Publish("$who", b""))
    assert length == len(rest)
    assert json.loads(bytes(rest).removeprefix(field(b"$said/who"))) == {
        "client": "press-07",
        "user": "someone",
        "password": "word",
        "chain": 2,
    }
    assert (conversation.client_id, conversation.keep_alive) == ("press-07", 60)


def test_a_conversation_may_come_in_single_bytes(conversation: Conversation) -> None:
    said = encoded(HELLO) + encoded(Pingreq()) + encoded(ECHO)
    answers = b"".join(say(conversation, bytes([byte])) for byte in said)
    assert answers == packets.connack(0) + packets.PINGRESP + packets.suback(1, [1])


def test_a_client_that_is_refused_hears_why(conversation: Conversation, azure: Azure) -> None:
    assert say(conversation, Connect("a", True, 0, "nobody"), Pingreq()) == packets.connack(5)
    assert conversation.over
    assert conversation.client_id is None
    assert not kept(azure, "connect"), "what a refused CONNECT wrote is undone"


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        (frame(0x10, field(b"MQTT") + b"\x05\x02\x00\x3c\x00" + field(b"a")), 1),
        (Connect("", False, 0), 2),
        (Connect("a", True, 0, "someone", b"\xff"), 4),
    ],
    ids=["MQTT 5", "a session without a name", "a password that is no text"],
)
def test_a_connect_that_no_endpoint_sees_is_refused_with_its_code(
    conversation: Conversation, azure: Azure, hello: Packet | bytes, code: int
) -> None:
    assert say(conversation, hello) == packets.connack(code)
    assert conversation.over
    assert not kept(azure, "connect")


@pytest.mark.parametrize("first", [Publish("t", b"early"), Pingreq(), ECHO, Disconnect(), Puback(1), b"GET / HTTP/1.1\r\n"])
def test_nothing_comes_before_connect(conversation: Conversation, azure: Azure, first: Packet | bytes) -> None:
    assert say(conversation, first, HELLO) == b""
    assert conversation.over
    assert not kept(azure, "t")


def test_connect_comes_once(conversation: Conversation) -> None:
    assert say(conversation, HELLO, HELLO, Pingreq()) == packets.connack(0)
    assert conversation.over


def test_nothing_is_read_after_disconnect(conversation: Conversation, azure: Azure) -> None:
    assert say(conversation, HELLO, Disconnect(), Publish("t", b"late", 7)) == packets.connack(0)
    assert conversation.over
    assert not kept(azure, "t")


def test_a_message_is_acknowledged_at_qos_1_alone(conversation: Conversation, azure: Azure) -> None:
    say(conversation, HELLO)
    assert say(conversation, Publish("first", b"")) == b""
    assert say(conversation, Publish("second", b"", 77)) == packets.puback(77)
    assert kept(azure, "first")
    assert kept(azure, "second")


@pytest.mark.parametrize(("wanted", "granted"), [(0, 0), (1, 1), (2, 1)])
def test_answers_come_at_the_qos_that_was_granted(conversation: Conversation, wanted: int, granted: int) -> None:
    assert say(conversation, HELLO, Subscribe(9, (("$said/+", wanted),))) == packets.connack(0) + packets.suback(9, [granted])
    assert say(conversation, Publish("$echo/a", b"hi", 3)) == packets.puback(3) + packets.publish(
        "$said/a", b"hi", 1 if granted else None
    )


def test_the_best_of_several_filters_counts(conversation: Conversation) -> None:
    say(conversation, HELLO, Subscribe(9, (("$said/#", 0), ("$said/+", 1))))
    assert say(conversation, Publish("$echo/a", b"")) == packets.publish("$said/a", b"", 1)
    assert say(conversation, Publish("$echo/a/b", b"")) == packets.publish("$said/a/b", b"", None)


def test_a_client_that_has_not_subscribed_hears_nothing(conversation: Conversation) -> None:
    say(conversation, HELLO)
    assert say(conversation, Publish("$echo/a", b"", 1)) == packets.puback(1)
    say(conversation, Subscribe(2, (("$said/b", 1),)))
    assert say(conversation, Publish("$echo/a", b"")) == b""
    assert say(conversation, Publish("$echo/b", b"")) == packets.publish("$said/b", b"", 1)
    assert say(conversation, Unsubscribe(3, ("$said/b", "never"))) == packets.unsuback(3)
    assert say(conversation, Publish("$echo/b", b"")) == b""


def test_a_filter_that_is_not_granted_is_a_failure_among_others(conversation: Conversation) -> None:
    wanted = Subscribe(5, (("$said/a", 1), ("$nest/eggs", 1), ("$said/b", 0)))
    assert say(conversation, HELLO, wanted) == packets.connack(0) + packets.suback(5, [1, packets.FAILURE, 0])


@pytest.mark.parametrize(("wanted", "heard"), [(1, False), (0, True)])
def test_an_acknowledgement_reaches_the_endpoint_which_at_qos_0_needs_none(
    conversation: Conversation, azure: Azure, wanted: int, heard: bool
) -> None:
    say(conversation, HELLO, Subscribe(9, (("$said/#", wanted),)))
    assert conversation.push(Publication("$said/a", b"hi", "r1")) == packets.publish("$said/a", b"hi", wanted or None)
    assert kept(azure, "acknowledged/r1") == heard
    assert say(conversation, Puback(2)) == b""
    assert kept(azure, "acknowledged/r1") == heard
    assert say(conversation, Puback(1)) == b""
    assert kept(azure, "acknowledged/r1")


def test_nobody_acknowledges_what_was_not_sent(conversation: Conversation, azure: Azure) -> None:
    say(conversation, HELLO)
    assert conversation.push(Publication("$said/a", b"hi", "r1")) == b""
    assert not kept(azure, "acknowledged/r1")


@pytest.mark.usefixtures("unmeasured")
def test_packet_identifiers_go_round_until_one_is_still_not_acknowledged(conversation: Conversation) -> None:
    say(conversation, HELLO, ECHO)
    echo = Publish("$echo/a", b"")
    for expected in range(1, 65_536):
        assert say(conversation, echo) == packets.publish("$said/a", b"", expected)
    assert say(conversation, Puback(1), echo) == packets.publish("$said/a", b"", 1)
    assert not conversation.over
    assert say(conversation, echo) == b""
    assert conversation.over


def test_a_request_whose_answer_no_topic_can_hold_ends_the_connection(conversation: Conversation) -> None:
    say(conversation, HELLO, ECHO)
    said, longest = "$said/loudly/", 65_535
    fits = Publish("$shout/" + "a" * (longest - len(said)), b"")
    assert say(conversation, fits) == packets.publish(said + "a" * (longest - len(said)), b"", 1)
    assert say(conversation, Publish(fits.topic + "a", b"")) == b""
    assert conversation.over


def test_an_endpoint_can_end_the_connection(conversation: Conversation, azure: Azure) -> None:
    say(conversation, HELLO)
    assert say(conversation, Publish("$nest/eggs", b"", 1), Pingreq()) == b""
    assert conversation.over
    assert not kept(azure, "$nest/eggs"), "what a refused PUBLISH wrote is undone"


def hits(method: str, path: str) -> Fault:
    """A fault without an effect of its own, to see what a test can name."""
    return Fault(Delay(17), lambda request: (request.method, request.host, request.path) == (method, HOST, path))


@pytest.mark.parametrize(("method", "path"), [("CONNECT", "press-07"), ("SUBSCRIBE", "$said/#"), ("PUBLISH", "$echo/a")])
def test_a_fault_names_what_it_hits(conversation: Conversation, azure: Azure, method: str, path: str) -> None:
    azure.faults.add(hits(method, path))
    say(conversation, HELLO, ECHO, Publish("$echo/a", b""))
    assert not conversation.over
    assert azure.clock.now() == 17


def test_a_fault_can_look_at_the_message_and_the_certificates(conversation: Conversation, azure: Azure) -> None:
    seen: list[Request] = []

    def look(request: Request) -> bool:
        seen.append(request)
        return False

    azure.faults.add(Fault(Delay(0), look))
    say(conversation, HELLO, Publish("t", b"payload"))
    assert [request.chain for request in seen] == [(b"leaf", b"issuer")] * 2
    assert seen[-1].body == b"payload"


@pytest.mark.parametrize("effect", [Throttle(), Refuse(Response(503))])
def test_a_refusal_is_as_mqtt_can_say_it(azure: Azure, effect: Effect) -> None:
    azure.faults.add(Fault(effect, times=2))
    refused = Conversation(azure, HOST, ())
    assert say(refused, HELLO) == packets.connack(3)
    assert refused.over
    azure.faults.clear()
    azure.faults.add(Fault(effect, lambda request: request.method == "PUBLISH"))
    broken = Conversation(azure, HOST, ())
    assert say(broken, HELLO, Publish("t", b"", 1)) == packets.connack(0)
    assert broken.over
    assert not kept(azure, "t")


@pytest.mark.parametrize("work_done", [False, True])
def test_a_dropped_connection_loses_the_acknowledgement_and_perhaps_the_work(
    conversation: Conversation, azure: Azure, work_done: bool
) -> None:
    azure.faults.add(Fault(Drop(work_done), lambda request: request.method == "PUBLISH"))
    assert say(conversation, HELLO, Publish("t", b"", 1)) == packets.connack(0)
    assert conversation.over
    assert kept(azure, "t") is work_done


def test_the_endpoint_hears_of_the_end_of_accepted_clients(azure: Azure) -> None:
    refused, welcome = Conversation(azure, HOST, ()), Conversation(azure, HOST, ())
    say(refused, Connect("a", True, 0, "nobody"))
    say(welcome, HELLO)
    azure.faults.add(Fault(Throttle(), times=None))
    for conversation in (refused, welcome):
        conversation.end()
    assert not kept(azure, "gone/a")
    assert kept(azure, "gone/press-07")


@given(pieces=st.lists(st.binary(max_size=60) | st.sampled_from([encoded(HELLO), encoded(ECHO), encoded(Pingreq())]), max_size=6))
def test_no_bytes_end_in_an_error(pieces: list[bytes]) -> None:
    database = Database(None)
    conversation = Conversation(Azure(database, endpoints=(Parrot(),)), HOST, ())
    for piece in pieces:
        say(conversation, piece)
    database.close()


def test_what_is_pushed_reaches_a_client_that_has_subscribed(conversation: Conversation) -> None:
    pushed = Publication("$said/news", b"!")
    assert conversation.push(pushed) == b""
    say(conversation, HELLO)
    assert conversation.push(pushed) == b""
    say(conversation, Subscribe(1, (("$said/#", 1),)))
    assert published(conversation.push(pushed)) == ("$said/news", 1, b"!")
    say(conversation, Unsubscribe(2, ("$said/#",)))
    assert conversation.push(pushed) == b""
    say(conversation, Subscribe(3, (("$said/#", 0),)))
    assert published(conversation.push(pushed)) == ("$said/news", None, b"!")
    conversation.end()
    assert conversation.push(pushed) == b""


def test_a_client_that_acknowledges_nothing_is_pushed_no_more(conversation: Conversation) -> None:
    say(conversation, HELLO, Subscribe(1, (("$said/#", 1),)))
    pushed = Publication("$said/news", b"!")
    assert all(conversation.push(pushed) for _ in range(65_535))
    assert (conversation.push(pushed), conversation.over) == (b"", True)

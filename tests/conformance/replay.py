"""Replaying a recording against the embedded Azure: the same requests, and whether the answers are those of the real one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from dpsops.emulator.azure import Azure
from dpsops.emulator.dps import access
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, register_application
from dpsops.emulator.identity.tokens import LIFETIME, issue_token
from dpsops.emulator.iothub import access as hub_access
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, Timings, World
from tests.conformance.bystanders import Bystanders
from tests.conformance.carry import Carrier
from tests.conformance.era import habits, start
from tests.conformance.messages import Exchange, Message, Recording
from tests.conformance.pages import follow, next_link, whole
from tests.conformance.scope import (
    HANDSHAKE,
    STAND_IN,
    TROUBLE,
    Standing,
    different,
    foundation,
    is_stand_in,
    is_trouble,
    lacking,
    omission,
    standing,
)
from tests.conformance.shape import Comparison, headers
from tests.conformance.stage import Stage
from tests.conformance.standins import StandIns, services
from tests.conformance.substitute import Substitutes
from tests.conformance.supply import Supplies, with_true_names

_SLOW = 600.0
"""Seconds that everything which takes time takes: longer than all requests of a recording together."""

_TIMINGS = Timings(operation=_SLOW, certificate=_SLOW, deletion=_SLOW, registration=_SLOW, query=_SLOW, principal=_SLOW)
_TURNS = 8
"""How many things that take time may come one after the other between two requests."""

_BUILDING = 86_400.0
"""Seconds before a recording begins, in which what it found there is made."""

_DEPLOYMENT = re.compile(r".*/deployments/(?P<name>[^/]+)", re.IGNORECASE)
_GLOBAL = "global.azure-devices-provisioning.net"
_AUDIENCES = {"dps-service": access.AUDIENCE, "iothub": hub_access.AUDIENCE}
"""Of the services that read tokens themselves, as they take other credentials, too."""


class Outcome(Enum):
    """What became of an exchange."""

    MATCHED = "matched"
    REFUSED = "refused for a stated reason"
    DIFFERED = "differed"
    FOREIGN = "out of scope"


@dataclass(frozen=True, slots=True)
class Result:
    """One exchange replayed: `reasons` are the differences, or why the embedded Azure does not have the operation."""

    exchange: Exchange
    standing: Standing
    outcome: Outcome
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n    ".join((str(self.exchange), *self.reasons))


@dataclass(slots=True)
class Replay:
    """A fresh embedded Azure that a recording is replayed against.

    Time stands still, but for a second with each request, until the recording shows that something which
    takes time is done; then it is made to be. `unbuilt`: what the recording takes for granted, and the
    embedded Azure would not make.
    """

    recording: Recording
    azure: Azure = field(init=False)
    unbuilt: list[str] = field(init=False, default_factory=list)
    _stage: Stage = field(init=False)
    _carrier: Carrier = field(init=False, default_factory=Carrier)
    _substitutes: Substitutes = field(init=False)
    _bystanders: Bystanders = field(init=False)
    _names: set[str] = field(init=False)
    _stand_ins: StandIns = field(init=False)
    _supplies: Supplies = field(init=False)
    _tokens: dict[str, tuple[float, str]] = field(init=False, default_factory=dict)
    _lacking: dict[str, str] = field(init=False, default_factory=dict)
    _sent: set[object] = field(init=False, default_factory=set)
    _start: float = field(init=False)

    def __post_init__(self) -> None:
        self._start = start(self.recording)
        self.recording = with_true_names(self.recording)
        self._stand_ins = StandIns(self.recording)
        self._supplies = Supplies(self.recording)
        self._stage = Stage(self.recording)
        self._bystanders = Bystanders(self.recording)
        self.azure = Azure(
            Database(None),
            Clock(frozen_at=self._start - _BUILDING),
            _TIMINGS,
            habits(self.recording, self._start),
            services=list(services(self._stand_ins)),
        )
        self._names = self._stage.names()
        self._substitutes = Substitutes(self.recording, self._start)

    def run(self) -> list[Result]:
        """Replays every exchange in turn."""
        with self.azure.database.transaction() as state:
            self._stage.admit(World(state, self.azure.clock.now(), _TIMINGS))
        self._stage.build(self._make)
        self.azure.clock.advance(self._start - self.azure.clock.now())
        results: dict[int, Result] = {}
        for exchange in self.recording.exchanges:
            if exchange.index not in results:
                pages = follow(exchange, self.recording.exchanges)
                outcome, reasons = self._replay(pages)
                results |= {page.index: Result(page, standing(page), outcome, reasons) for page in pages}
        self.azure.database.close()
        return list(results.values())

    def _replay(self, pages: list[Exchange]) -> tuple[Outcome, tuple[str, ...]]:
        """One exchange, or a list with all its pages: where one ends and the next begins is chance."""
        exchange = pages[0]
        if standing(exchange) is Standing.FOREIGN:
            return Outcome.FOREIGN, ()
        self._admit(exchange)
        if is_stand_in(exchange):
            self._ask(exchange)
            return Outcome.REFUSED, (STAND_IN,)
        for needed in filter(None, (exchange, foundation(exchange))):
            reason = omission(needed.method, needed.host, needed.path, self.azure.services)
            if reason is not None:
                return Outcome.REFUSED if reason else Outcome.DIFFERED, (reason or "no such operation, and no reason is stated",)
        if exchange.host == _GLOBAL:
            return Outcome.REFUSED, (HANDSHAKE,)
        if _all_over(exchange):
            self.azure.clock.advance(_SLOW + 1)
        answers = self._ask(exchange)
        differences = self._compare(pages, answers)
        if differences and (_only_asks(exchange) or answers[0].status >= 400):
            # Nothing has changed by asking. Perhaps what was still going on is over by now in the recording.
            answers, differences = self._later(pages, answers, differences)
        self._learn(pages, answers)
        self.azure.clock.advance(1)
        if differences and (reason := self._excuse(exchange, answers[0])):
            return Outcome.REFUSED, (reason,)
        if differences and is_trouble(exchange):
            return Outcome.REFUSED, (TROUBLE,)
        return Outcome.DIFFERED if differences else Outcome.MATCHED, (*differences, *(self.unbuilt if differences else ()))

    def _excuse(self, exchange: Exchange, answer: Response) -> str | None:
        """Why an answer that differs is none of our business: for what it is about, or for a template that failed before."""
        deployment = _DEPLOYMENT.match(exchange.path)
        name = deployment["name"].lower() if deployment else ""
        lacking_ = lacking(answer.body)
        if lacking_ and deployment:
            self._lacking[name] = lacking_
        if lacking_ or (self._lacking and (deployment or exchange.path.endswith("/resources"))):
            return lacking_ or next(iter(self._lacking.values()))  # of what was not made is nothing listed, nothing built on
        return different(exchange)

    def _later(self, pages: list[Exchange], now: list[Response], differences: list[str]) -> tuple[list[Response], list[str]]:
        """The answers of the first time from now on at which they differ least; where none is better, time has not passed:
        a difference here is none in what follows."""
        best, begun = (_weight(differences), 0), self.azure.clock.now()
        answers = [(now, differences)]
        for turn in range(1, _TURNS + 1):
            self.azure.clock.advance(_SLOW + 1)
            later = self._ask(pages[0])
            answers.append((later, self._compare(pages, later)))
            best = min(best, (_weight(answers[-1][1]), turn))
            if best[0] == 0:
                break
        self.azure.clock.advance(begun + best[1] * (_SLOW + 1) - self.azure.clock.now())
        return answers[best[1]]

    def _admit(self, exchange: Exchange) -> None:
        """Does what others did meanwhile, and lets in the principal that a role is assigned to at last, too new before."""
        for method, url, body in self._bystanders.meddling(exchange):
            self._make(method, url, body, at_once=True)
        for principal in self._bystanders.arrivals(exchange):
            with self.azure.database.transaction() as state:
                register_application(World(state, self.azure.clock.now()), principal)

    def _ask(self, exchange: Exchange) -> list[Response]:
        """The answer, or the answers of all pages."""
        self._stand_ins.begin(exchange)
        request = self._adapt(exchange)
        answers = [self.azure.handle(request)]
        while link := next_link(answers[-1].body):
            asked = Exchange(0, "GET", link, Message({}, b""), 0, Message({}, b""))
            request = replace(request, host=asked.host, path=asked.path, query=asked.query)
            answers.append(self.azure.handle(request))
        return answers

    def _adapt(self, exchange: Exchange) -> Request:
        """The request as the recorded client would send it to this Azure."""
        now = Exchange(0, exchange.method, self._carrier.url(exchange.url), exchange.request, 0, Message({}, b""))
        headers = {name: self._carrier.header(value) for name, value in exchange.request.headers.items() if name == "if-match"}
        if exchange.status != 401:
            headers["authorization"] = f"Bearer {self._token(now.host)}"
        supplied = self._supplies.body(exchange)
        recorded = exchange.request.json() if supplied is None else supplied
        body = exchange.request.body
        if recorded is not None:
            carried = self._carrier.body(exchange.path, recorded)
            sent = self._substitutes.body(exchange, carried, self._carrier)
            self._remember(recorded, sent)
            body = json.dumps(sent).encode()
        headers["content-type"] = exchange.request.headers.get("content-type", "application/json")
        return Request(now.method, now.host, now.path, now.query, headers, body)

    def _compare(self, pages: list[Exchange], answers: list[Response]) -> list[str]:
        exchange, answer = pages[0], answers[0]
        if exchange.status != answer.status:
            return [f"status: {exchange.status} expected, got {answer.status} {answer.content()[:300].decode()}"]
        differences = list(headers(exchange.response.headers, {name.lower(): value for name, value in answer.headers.items()}))
        recorded, got = exchange.response.body.strip(), answer.content()
        if bool(recorded) != bool(got):
            return [*differences, f"body: {recorded[:200]!r} expected, got {got[:200]!r}"]
        if not recorded:
            return differences
        wanted, given = whole([page.response.json() for page in pages]), whole([each.body for each in answers])
        cut = next_link(pages[-1].response.json()) is not None
        blind = self._supplies.blind | ({"provisioningState"} if exchange.path.endswith("/validate") else set())
        running = exchange.path.endswith("/operations") and exchange.path in {
            each.path for each in self.recording.exchanges[exchange.index + 1 :]
        }
        unordered = exchange.path.endswith("/resources")
        comparison = Comparison(self._sent, self._names, self._carrier, cut, blind, running, unordered)
        differences += comparison.bodies(wanted, given)
        limit = int(exchange.query.get("maxresults", 0))
        if limit and any(len(each.body["value"]) > limit for each in answers):
            differences.append(f"body.value: no more than {limit} elements expected")
        return differences

    def _learn(self, pages: list[Exchange], answers: list[Response]) -> None:
        exchange, answer = pages[0], answers[0]
        self._carrier.learn(whole([page.response.json() for page in pages]), whole([each.body for each in answers]))
        links = {name.lower(): value for name, value in answer.headers.items()}
        self._carrier.learn_links(exchange.response.headers, links)
        self._carrier.learn_keys(exchange.path, answer.body)
        self._substitutes.learn(exchange)

    def _remember(self, recorded: Any, sent: Any) -> None:
        """Notes what this client sends just as the recorded one did: that, no answer may change."""
        match recorded, sent:
            case dict(), dict():
                for name in recorded.keys() & sent.keys():
                    self._remember(recorded[name], sent[name])
            case list(), list():
                for one, other in zip(recorded, sent, strict=False):
                    self._remember(one, other)
            case ((str() | int()), _) if recorded == sent:
                self._sent.add(recorded)

    def _token(self, host: str) -> str:
        service = next(service for service in self.azure.services if service.host.fullmatch(host))
        audiences = service.audience or _AUDIENCES[service.name]
        now = self.azure.clock.now()
        issued, token = self._tokens.get(audiences, (0.0, ""))
        if not issued <= now <= issued + LIFETIME / 2:
            with self.azure.database.transaction() as state:
                token = issue_token(World(state, now, _TIMINGS), OPERATOR, audiences.split()[0])
            self._tokens[audiences] = (now, token)
        return token

    def _make(self, method: str, url: str, body: dict[str, Any], *, at_once: bool = False) -> None:
        asked = Exchange(0, method, url, Message({}, b""), 0, Message({}, b""))
        sent = {"authorization": f"Bearer {self._token(asked.host)}", "content-type": "application/json"}
        answer = self.azure.handle(Request(method, asked.host, asked.path, asked.query, sent, json.dumps(body).encode()))
        if answer.status >= 300:
            self.unbuilt.append(f"not there from the start: {method} {url} {answer.status} {answer.content().decode()}")
        self.azure.clock.advance(0 if at_once else _SLOW + 1)


def _weight(differences: list[str]) -> int:
    """How much an answer differs; more than by anything in its body by its status."""
    return 10_000 if any(each.startswith("status: ") for each in differences) else len(differences)


def _only_asks(exchange: Exchange) -> bool:
    return exchange.method in ("GET", "HEAD") or exchange.path.endswith("/query")


def _all_over(exchange: Exchange) -> bool:
    """Whether a change was answered as done, so that nothing that was begun before it can still have been going on."""
    match exchange.response.json():
        case {"properties": {"provisioningState": "Succeeded"}}:
            return exchange.method not in ("GET", "HEAD")
        case _:
            return False

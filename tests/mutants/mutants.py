"""What a mutant is: one fault that is put into the embedded Azure's answers.

A mutant is chosen from what the parity map of `docs/emulator.md` claims with a recording, the specification or an
observation as its witness, never from what the conformance suite happens to look at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from dpsops.emulator.http import Request, Response
from tests.mutants.alterations import Alteration


class Service(Enum):
    """Whose answers are at fault, those of its management among them."""

    RESOURCE_MANAGER = "Resource Manager"
    VAULT = "vault"
    DPS = "DPS"
    HUB = "hub"


class Kind(Enum):
    """What is wrong with an answer."""

    STATUS = "status"
    HEADER = "header"
    SHAPE = "shape"
    ORDER = "order"
    TEXT = "text"
    MISSING_REFUSAL = "missing refusal"


class Witness(Enum):
    """What shows that Azure does what the mutant does not."""

    RECORDING = "recording"
    SPECIFICATION = "specification"
    OBSERVED = "observed"


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to some requests, altered.

    `methods`, `host` and `path` are patterns of the whole text, in any case. `example` is a method and a URL of such a
    request, `sample` an answer to it, as Azure gives it, that `alteration` changes.
    """

    methods: str
    host: str
    path: str
    alteration: Alteration
    example: str
    sample: Response

    def concerns(self, request: Request) -> bool:
        """Whether the fault is in the answer to this request."""
        pairs = ((self.methods, request.method), (self.host, request.host), (self.path, request.path))
        return all(re.fullmatch(pattern, text, re.IGNORECASE) for pattern, text in pairs)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the embedded Azure that refuses no longer.

    `function` is its dotted name. Where it raises a refusal of one of `statuses` (none: any), it returns `permits`
    instead, as it does where all is well.
    """

    function: str
    permits: Any = None
    statuses: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault. `behaviour` says what the embedded Azure then does, and Azure does not."""

    name: str
    service: Service
    kind: Kind
    witness: Witness
    behaviour: str
    fault: Answers | Rule

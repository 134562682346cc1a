"""What Azure has been seen to do in more than one way, or nobody has seen: which of them the embedded one does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Habits:
    """The defaults are those of the newest recordings; where there is none, the stricter.

    quoted_etags: CA certificates take an `If-Match` that is quoted, beside one that is not (recorded: unquoted only).
    leaf_alone: a device certificate that arrives at DPS alone may be below a verified CA certificate (nobody has seen it).
    parallel_registrations: a device may register while its last registration is still being assigned (not, in tests of the
    .NET SDK).
    deletion_answers_null: the answer to a deletion that has begun has the JSON value null for a body, or none; None: of a
    provisioning service always, of a hub before 2023, as recorded.
    """

    quoted_etags: bool = True
    leaf_alone: bool = False
    parallel_registrations: bool = True
    deletion_answers_null: bool | None = None

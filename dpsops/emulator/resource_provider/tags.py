"""Tags of groups, deployments and resources. Source: "Use tags to organize your Azure resources", Limitations."""

from __future__ import annotations

import re
from typing import Any

from dpsops.emulator.resource_provider.errors import refusal

_MOST = 50
_NAME = 512
_VALUE = 256
_RESERVED = re.compile(r"[<>%&\\?/\x00-\x1f\x7f]")


def read_tags(given: Any) -> dict[str, str] | None:
    """The tags of a body, None where it has none. Refuses more of them, or others, than Resource Manager keeps."""
    if given is None:
        return None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        message = "The request content was invalid and could not be deserialized: 'Error converting the value of 'tags'.'."
        raise refusal(400, "InvalidRequestContent", message)
    if len(given) > _MOST:
        message = f"The number of tags '{len(given)}' exceeds the maximum allowed, '{_MOST}'."
        raise refusal(400, "InvalidNumberOfTags", message)
    wrong = [name for name in given if _RESERVED.search(name) or not name]
    if wrong:
        message = f"The tag names '{','.join(wrong)}' have reserved characters '<,>,%,&,\\,?,/' or control characters."
        raise refusal(400, "InvalidTagNameCharacters", message)
    for name, value in given.items():
        for what, text, most in (("name", name, _NAME), ("value", value, _VALUE)):
            if len(text) > most:
                message = (
                    f"Tag {what} too large. Following tag {what} '{text}' exceeded the maximum length. "
                    f"Maximum allowed length for tag {what} - '{most}' characters."
                )
                raise refusal(400, f"InvalidTag{what.capitalize()}Length", message)
    return dict(given)

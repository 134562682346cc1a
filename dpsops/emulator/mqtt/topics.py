"""Topic names, topic filters, and which filter takes which name (MQTT 3.1.1, 4.7)."""

from __future__ import annotations


def is_topic_name(text: str) -> bool:
    """Whether a message may be published under `text`: not empty, and without wildcards (3.3.2.1)."""
    return bool(text) and not {"+", "#"} & set(text)


def is_topic_filter(text: str) -> bool:
    """Whether `text` may be subscribed to: `+` and `#` stand for whole levels, `#` for the last (4.7.1)."""
    levels = text.split("/")
    return bool(text) and "#" not in levels[:-1] and all(level in ("+", "#") or not {"+", "#"} & set(level) for level in levels)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether the filter takes the topic. A leading wildcard takes no topic that begins with `$` (4.7.2)."""
    if topic.startswith("$") and topic_filter[0] in "+#":
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":  # the parent level too: "sport/#" takes "sport" (4.7.1.2)
        wanted = wanted[:-1]
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(level in ("+", name) for level, name in zip(wanted, levels, strict=True))

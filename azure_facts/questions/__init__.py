"""The questions, in the order in which they are asked: what changes vault, hub and DPS comes last."""

from __future__ import annotations

from azure_facts.questions import (
    ec_reuse_key,
    identity_link,
    leaf_alone,
    masked_keys,
    never_thumbprint,
    put_absent,
    quoted_if_match,
    second_what_if,
)

QUESTIONS = (
    second_what_if.QUESTION,
    quoted_if_match.QUESTION,
    ec_reuse_key.QUESTION,
    leaf_alone.QUESTION,
    never_thumbprint.QUESTION,
    masked_keys.QUESTION,
    put_absent.QUESTION,
    identity_link.QUESTION,
)

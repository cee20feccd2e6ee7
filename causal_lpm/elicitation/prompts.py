"""One prompt as it is sent, named by the hash of its contents."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["MOST_ANSWERS", "MOST_TOKENS", "Prompt", "hash_of"]

MOST_ANSWERS = 1000
"""Answers to one prompt, at most."""
MOST_TOKENS = 64
"""Tokens of an answer, at most: beyond, it is cut off, which shows."""


@dataclass(frozen=True)
class Prompt:
    """What is sent to a model, and about whom.

    Attributes:
        model: Its name.
        system: How it is to answer.
        text: The question, with all fields filled in.
        schema: JSON schema of an answer.
        cell: Field -> label, of the archetype and the context together.
    """

    model: str
    system: str
    text: str
    schema: Mapping[str, Any]
    cell: Mapping[str, str]

    @cached_property
    def params(self) -> dict[str, Any]:
        """The arguments of a message."""
        return {
            "model": self.model,
            "max_tokens": MOST_TOKENS,
            "system": self.system,
            "messages": [{"role": "user", "content": self.text}],
            "output_config": {"format": {"type": "json_schema", "schema": dict(self.schema)}},
        }

    @cached_property
    def written(self) -> str:
        """The same as text, always in the same order."""
        return json.dumps(self.params, sort_keys=True, ensure_ascii=False)

    @cached_property
    def hash(self) -> str:
        """Of what is sent."""
        return hash_of(self.written)

    def key(self, sample: int) -> str:
        """Name of one answer: the request, and its number; 53 characters that a batch takes as `custom_id`."""
        return f"{self.hash}-{sample:04d}"

    def keys(self, answers: int) -> list[str]:
        """Names of its answers."""
        return [self.key(sample) for sample in range(answers)]


def hash_of(written: str) -> str:
    """48 digits that identify the text of a request."""
    return hashlib.sha256(written.encode()).hexdigest()[:48]

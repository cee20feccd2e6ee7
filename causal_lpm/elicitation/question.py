"""A question as a template: what is asked of each kind of people in each context, and what counts as an answer."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from causal_lpm import validate

__all__ = ["Question"]

FIELD = re.compile(r"\{\s*(\w+)\s*\}")
LONGEST = 80
"""Characters of a label, at most: what is longer is free text."""
UNSAFE = {
    "Cc": "a control character",
    "Cf": "a direction mark or another invisible character",
    "Cs": "half a character",
}
UNSAFE |= {"Zl": "a line break", "Zp": "a line break"}
SYSTEM = "Answer as the person described would act, not as an assistant."


@dataclass(frozen=True)
class Question:
    """What is asked, with fields in braces that archetypes and contexts fill in.

    Args:
        name: Of the question, and of the sites made of it.
        template: Text with `{field}`; blanks inside the braces are allowed.
        system: How the model is to answer.
        answer: "yes_no", "share" (a whole percentage of 0 to 100), or a tuple of choices.
        paraphrases: Other wordings with the same fields, each asked as often as the template.

    Raises:
        ValueError: no name, no text, no field, braces that enclose no name, paraphrases with other fields or given
            twice, an unknown kind of answer, fewer than two choices or one given twice.

    >>> question = Question("work", "You are {age}. Are you paid {payment }: do you work?")
    >>> question.fields
    ('age', 'payment')
    >>> question.render({"age": "45 to 64", "payment": "$500"})
    'You are 45 to 64. Are you paid $500: do you work?'
    >>> question.render({"age": "old {payment}", "payment": "$500"})
    Traceback (most recent call last):
    ValueError: question 'work': age is 'old {payment}', which has a brace: give a short label on one line.
    """

    name: str
    template: str
    system: str = SYSTEM
    answer: str | tuple[str, ...] = "yes_no"
    paraphrases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"the question's name is {self.name!r}: give one word of letters, digits and underscores.")
        object.__setattr__(self, "paraphrases", tuple(self.paraphrases))
        validate.unique_entries(f"wording of question {self.name!r}", self.wordings)
        if not self.fields:
            raise ValueError(f"question {self.name!r} has no field such as {{age}}: everybody would be asked the same.")
        for text in self.wordings:
            if re.search(r"[{}]", FIELD.sub("", text)):
                raise ValueError(
                    f"question {self.name!r} has a brace that encloses no name in {text[:60]!r}: write {{field}}."
                )
            if (other := set(FIELD.findall(text))) != set(self.fields):
                odd = min(other ^ set(self.fields))
                raise ValueError(f"question {self.name!r}: the wordings differ in field {odd!r}: give all the same.")
        if not isinstance(self.answer, str):
            object.__setattr__(self, "answer", tuple(self.answer))
            if len(self.answer) < 2 or not all(isinstance(choice, str) and choice for choice in self.answer):
                raise ValueError(f"question {self.name!r} has the choices {self.answer}: give at least two texts.")
            validate.distinct_labels(f"choice of question {self.name!r}", self.answer)
        elif self.answer not in ("yes_no", "share"):
            raise ValueError(
                f"question {self.name!r} has answer {self.answer!r}: give 'yes_no', 'share' or a tuple of choices."
            )

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Names in braces, in the order of the template."""
        return tuple(dict.fromkeys(FIELD.findall(self.template)))

    @property
    def wordings(self) -> tuple[str, ...]:
        """The template and its paraphrases."""
        return (self.template, *self.paraphrases)

    def render(self, cell: Mapping[str, str], wording: int = 0) -> str:
        """The text of a prompt.

        Args:
            cell: Field -> label.
            wording: 0 for the template, 1 for the first paraphrase, ...

        Raises:
            ValueError: a field without value; a label that is empty, longer than 80 characters, or has line breaks,
                braces, control characters or direction marks, with which text could pass for instructions.
        """
        for field in self.fields:
            if field not in cell:
                raise ValueError(f"question {self.name!r} has no value for {field!r}: {_has(cell)}")
            _check_label(self.name, field, cell[field])
        return FIELD.sub(lambda match: cell[match[1]], self.wordings[wording])

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON that an answer must be."""
        kinds: dict[str, Any] = {"yes_no": {"type": "boolean"}, "share": {"type": "integer"}}
        answer = kinds[self.answer] if isinstance(self.answer, str) else {"type": "string", "enum": list(self.answer)}
        return {
            "type": "object",
            "properties": {"answer": answer},
            "required": ["answer"],
            "additionalProperties": False,
        }


def value_of(schema: Mapping[str, Any], text: str) -> bool | int | str | None:
    """The answer in a text, or None where the text is not what the schema asks for.

    >>> value_of(Question("work", "{age}?").schema, '{"answer": true}')
    True
    """
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, or brackets without end
        return None
    if not isinstance(read, dict) or set(read) != {"answer"}:
        return None
    value, wanted = read["answer"], schema["properties"]["answer"]
    if wanted["type"] == "boolean":
        return value if isinstance(value, bool) else None
    if wanted["type"] == "integer":
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100 else None
    return value if isinstance(value, str) and value in wanted["enum"] else None


def texts_of(schema: Mapping[str, Any]) -> list[str]:
    """All texts that are answers, as short as JSON can be.

    >>> texts_of(Question("work", "{age}?").schema)
    ['{"answer":false}', '{"answer":true}']
    """
    wanted = schema["properties"]["answer"]
    values = {"boolean": (False, True), "integer": range(101)}.get(wanted["type"], wanted.get("enum", ()))
    return [json.dumps({"answer": value}, ensure_ascii=False, separators=(",", ":")) for value in values]


def _check_label(question: str, field: str, label: object) -> None:
    if not isinstance(label, str):
        raise ValueError(f"question {question!r}: {field} is {label!r}, which is no text: give a label.")
    odd = next((UNSAFE[kind] for kind in map(unicodedata.category, label) if kind in UNSAFE), None)
    if any(brace in label for brace in "{}"):
        odd = odd or "a brace"
    if "\n" in label or "\r" in label:
        odd = "a line break"
    if odd is not None:
        raise ValueError(
            f"question {question!r}: {field} is {label!r}, which has {odd}: give a short label on one line."
        )
    if not label.strip():
        raise ValueError(f"question {question!r}: {field} is empty: give a label.")
    if len(label) > LONGEST:
        raise ValueError(
            f"question {question!r}: {field} is {label[:30]!r}... of {len(label)} characters: free text is not asked "
            f"about; give a label of at most {LONGEST}."
        )


def _has(cell: Mapping[str, str]) -> str:
    return f"give one beside {', '.join(sorted(cell))}." if cell else "give one."

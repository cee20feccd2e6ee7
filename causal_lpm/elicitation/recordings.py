"""Recordings: all requests and answers of a store as one compressed text file, to be shipped and checked."""

import gzip
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from causal_lpm import validate
from causal_lpm.elicitation.answers import AGAIN, SAYS, Answer
from causal_lpm.elicitation.plan import SYNTHETIC
from causal_lpm.elicitation.prompts import hash_of
from causal_lpm.elicitation.question import value_of
from causal_lpm.elicitation.store import AnswerStore
from causal_lpm.whole_files import write_new

__all__ = ["export_answers", "import_answers"]

STATUSES = ("ok", "refused", *AGAIN)
_text = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


def export_answers(store: AnswerStore, path: str | os.PathLike[str]) -> int:
    """Writes a recording: sorted JSON lines, compressed; the same answers give the same bytes.

    Args:
        store: What is written.
        path: A new file, NAME.jsonl.gz.

    Returns:
        The number of answers.

    Raises:
        FileExistsError: there is a file.
        WriteError: it cannot be written.
    """
    path, count = Path(path), 0
    if path.exists():
        raise FileExistsError(f"{path} is there already: give a new name; nothing was written.")

    def write(place: Path) -> None:
        nonlocal count
        with place.open("xb") as file, gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as out:
            for hash, written in store.requests():
                out.write(_line({"request": hash, "params": json.loads(written)}))
            for answer in store.all():
                out.write(_line(vars(answer)))
                count += 1

    write_new(path, write)
    return count


def import_answers(store: AnswerStore, path: str | os.PathLike[str]) -> int:
    """Reads a recording into a store; answers that are there stay as they are.

    Every line is checked: the key is the hash of its request, the value what its text says, and an answer says that it
    is synthetic where, and only where, its request was to no language model.

    Args:
        store: Where the answers go.
        path: NAME.jsonl.gz.

    Returns:
        The number of answers in the file.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: a line that is no request or answer, a key that is not the hash of its request, a value that is not
            what the text says, an answer other than the one in the store; nothing was imported.
    """
    written, asked, answers = dict[str, str](), dict[str, _Request](), dict[str, Answer]()
    path = Path(path)
    for number, line in _lines(path):
        where = f"{path.name}, line {number}"
        if "request" in line:
            text, request = _read_request(line, where)
            written[line["request"]], asked[line["request"]] = text, request
            continue
        answer = _read_answer(line, asked, where)
        if answers.setdefault(answer.key, answer) != answer:
            raise ValueError(f"{where}: the key {answer.key!r} has another answer before; nothing was imported.")
    there = store.get(list(answers))
    for key, answer in there.items():
        if answer.status == "ok" and answers[key].status == "ok" and answer.value != answers[key].value:
            raise ValueError(
                f"the store has another answer with key {key}: import into a new store; nothing was imported."
            )
    kept = {key for key, answer in there.items() if answer.status in ("ok", "refused")}
    store.put_written((answer for key, answer in answers.items() if key not in kept), written.items())
    return len(answers)


class _Request(NamedTuple):
    """What a request says of its answers."""

    model: str
    schema: Mapping[str, Any]


def _read_request(line: dict[str, Any], where: str) -> tuple[str, _Request]:
    """The text of a request, whose hash is its key, and what it asks for."""
    text = _text(line.get("params"))
    if hash_of(text) != line["request"]:
        raise ValueError(f"{where}: the request is not the one its key names; nothing was imported.")
    try:
        request = _Request(line["params"]["model"], line["params"]["output_config"]["format"]["schema"])
    except (KeyError, TypeError):
        raise ValueError(f"{where}: the request asks for no answer; nothing was imported.") from None
    return text, request


def _read_answer(line: dict[str, Any], asked: Mapping[str, _Request], where: str) -> Answer:
    """An answer to one of the requests, whose value is what its text says, and which says who gave it."""
    try:
        answer = Answer(**line)
    except TypeError as error:
        raise ValueError(f"{where} is neither a request nor an answer; nothing was imported.") from error
    for name in ("key", "status", "text", "served", "source"):
        if not isinstance(value := getattr(answer, name), str):
            raise ValueError(f"{where}: {name} is {value!r}: give a text; nothing was imported.")
    for name in ("input_tokens", "output_tokens"):
        try:
            validate.whole_number(name, getattr(answer, name), low=0)
        except ValueError as error:
            raise ValueError(f"{where}: {error} Nothing was imported.") from None
    hash, _, sample = str(answer.key).rpartition("-")
    if hash not in asked or not (len(sample) == 4 and sample.isdecimal()):
        raise ValueError(f"{where}: no request of the file has the key {answer.key!r}; nothing was imported.")
    read = value_of(asked[hash].schema, answer.text) if answer.status == "ok" else None
    if type(read) is not type(answer.value) or read != answer.value or (answer.status == "ok" and read is None):
        raise ValueError(
            f"{where}: the value is {answer.value!r} and the text says {answer.text[:60]!r}; nothing was imported."
        )
    if answer.status not in STATUSES:
        raise ValueError(f"{where}: {answer.status!r} is no status of an answer; nothing was imported.")
    synthetic = asked[hash].model == SYNTHETIC
    if (answer.source == SAYS) != synthetic or (answer.served.split(" ")[0] == SYNTHETIC) != synthetic:
        raise ValueError(
            f"{where}: the request was for {asked[hash].model!r}, and the answer says that it is from "
            f"{answer.served!r} ({answer.source}); nothing was imported."
        )
    return answer


def _line(content: dict[str, Any]) -> bytes:
    return (_text(content) + "\n").encode()


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                line = json.loads(text)
                if not isinstance(line, dict):
                    raise ValueError(f"line {number} is no object")
                yield number, line
    except (gzip.BadGzipFile, EOFError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path.name} is no whole recording ({error}); nothing was imported.") from error

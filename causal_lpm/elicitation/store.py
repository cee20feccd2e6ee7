"""Where requests and answers are kept while a model is asked: an SQLite file that survives being killed."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from types import TracebackType
from typing import Any

from causal_lpm.elicitation.answers import Answer
from causal_lpm.elicitation.failures import ElicitationError
from causal_lpm.elicitation.prompts import Prompt

__all__ = ["AnswerStore", "NotedBatch"]

COLUMNS = [field.name for field in fields(Answer)]
VALUE = COLUMNS.index("value")
AT_ONCE = 500  # keys of one query
TABLES = (
    "create table if not exists request (hash text primary key, written text not null) without rowid",
    f"create table if not exists answer ({', '.join(['key text primary key', *COLUMNS[1:]])}) without rowid",
    "create table if not exists batch (number integer primary key, id text, noted real, keys text, state text)",
    # Answers that were paid for and failed stay on the bill when they are asked again.
    "create table if not exists bill (number integer primary key, input integer, output integer)",
)


@dataclass(frozen=True)
class NotedBatch:
    """A batch that was about to be sent, or was sent.

    Attributes:
        number: In the store.
        id: Of the service; None where it is not known that the batch arrived.
        noted: When it was about to be sent, seconds since 1970.
        keys: Of its answers.
    """

    number: int
    id: str | None
    noted: float
    keys: tuple[str, ...]


class AnswerStore:
    """Answers by key, with the requests they answer.

    Args:
        path: An SQLite file, made where there is none; ":memory:" keeps nothing.

    Raises:
        ValueError: the file is something else.

    >>> with AnswerStore() as store:
    ...     len(store)
    0
    """

    def __init__(self, path: str | os.PathLike[str] = ":memory:") -> None:
        self.path = os.fspath(path)
        self._db = sqlite3.connect(self.path, isolation_level=None, timeout=60)
        try:
            self._db.execute("pragma journal_mode=wal")
            held = {row[0] for row in self._db.execute("select name from sqlite_master where type = 'table'")}
            if held and not {"request", "answer", "batch"} <= held:
                raise ValueError(f"{self.path} holds another database: give the path of a new file, or of a store.")
            for table in TABLES:
                self._db.execute(table)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ValueError(f"{self.path} is no store of answers: give the path of a new file.") from error
        except ValueError:
            self._db.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def __enter__(self) -> "AnswerStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._db.execute("select count(*) from answer").fetchone()[0])

    def __repr__(self) -> str:
        return f"AnswerStore({self.path!r}, {len(self)} answers)"

    def put(self, answers: Iterable[Answer], prompts: Iterable[Prompt] = ()) -> None:
        """Keeps answers, and the requests they belong to, all or none; an answer of the same key is replaced."""
        self.put_written(answers, ((prompt.hash, prompt.written) for prompt in prompts))

    def put_written(self, answers: Iterable[Answer], written: Iterable[tuple[str, str]]) -> None:
        """As `put`, with the texts of requests by their hash."""
        with self._whole():
            self._keep(written)
            rows = map(_row, answers)
            self._db.executemany(f"insert or replace into answer values ({', '.join('?' * len(COLUMNS))})", rows)

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """Key -> answer, of those that are there."""
        found = map(_answer, self._where("select * from answer where key", keys))
        return {answer.key: answer for answer in found}

    def there(self, keys: Sequence[str]) -> set[str]:
        """Which of the keys have an answer."""
        return {row[0] for row in self._where("select key from answer where key", keys)}

    def all(self) -> Iterator[Answer]:
        """All answers, by key."""
        return map(_answer, self._db.execute("select * from answer order by key"))

    def requests(self) -> Iterator[tuple[str, str]]:
        """Hash and text of all requests, by hash."""
        return iter(self._db.execute("select hash, written from request order by hash").fetchall())

    # --- batches: what was sent is known before it is sent -------------------------------------------------------

    def note(self, keys: Sequence[str], prompts: Iterable[Prompt], now: float) -> NotedBatch:
        """Writes down what is about to be sent."""
        with self._whole():
            self._keep((prompt.hash, prompt.written) for prompt in prompts)
            row = self._db.execute(
                "insert into batch (id, noted, keys, state) values (null, ?, ?, 'open')", (now, json.dumps(list(keys)))
            )
        return NotedBatch(int(row.lastrowid or 0), None, now, tuple(keys))

    def arrived(self, batch: NotedBatch, id: str) -> NotedBatch:
        """Writes down the id that the service gave a batch."""
        self._db.execute("update batch set id = ? where number = ?", (id, batch.number))
        return NotedBatch(batch.number, id, batch.noted, batch.keys)

    def finished(self, batch: NotedBatch, input_tokens: int = 0, output_tokens: int = 0) -> None:
        """Writes down that a batch was read, or never arrived, and what it was billed."""
        with self._whole():
            self._db.execute("update batch set state = 'done' where number = ?", (batch.number,))
            self._bill(batch.number, input_tokens, output_tokens)

    def partly_read(self, batch: NotedBatch, keys: Iterable[str], input_tokens: int, output_tokens: int) -> NotedBatch:
        """Writes down which answers of a batch were read, and what they were billed; what is left is open."""
        read = set(keys)
        left = tuple(key for key in batch.keys if key not in read)
        with self._whole():
            row = self._db.execute(
                "insert into batch (id, noted, keys, state) values (?, ?, ?, 'done')",
                (batch.id, batch.noted, json.dumps([key for key in batch.keys if key in read])),
            )
            self._bill(int(row.lastrowid or 0), input_tokens, output_tokens)
            self._db.execute("update batch set keys = ? where number = ?", (json.dumps(left), batch.number))
        return NotedBatch(batch.number, batch.id, batch.noted, left)

    def _bill(self, number: int, input_tokens: int, output_tokens: int) -> None:
        if input_tokens or output_tokens:
            self._db.execute("insert or replace into bill values (?, ?, ?)", (number, input_tokens, output_tokens))

    def open_batches(self) -> list[NotedBatch]:
        """Batches that were not read yet."""
        rows = self._db.execute("select number, id, noted, keys from batch where state = 'open' order by number")
        return [NotedBatch(number, id, noted, tuple(json.loads(keys))) for number, id, noted, keys in rows]

    def batch_ids(self) -> set[str]:
        """Ids of all batches that are known to have arrived."""
        return {row[0] for row in self._db.execute("select id from batch where id is not null")}

    def written(self, hashes: Iterable[str]) -> dict[str, str]:
        """Hash -> text of requests, of those that are there."""
        return dict(self._where("select hash, written from request where hash", sorted(set(hashes))))

    def billed(self, keys: Iterable[str]) -> tuple[int, int]:
        """Tokens, in and out, that were billed for batches with any of these keys."""
        wanted, told = set(keys), [0, 0]
        for held, *tokens in self._db.execute("select keys, input, output from bill join batch using (number)"):
            if not wanted.isdisjoint(json.loads(held)):
                told = [before + more for before, more in zip(told, tokens, strict=True)]
        return told[0], told[1]

    def asked_for(self, batch: NotedBatch) -> int:
        """Answers that a batch had when it was sent."""
        rows = self._db.execute("select keys from batch where id = ?", (batch.id,))
        return sum(len(json.loads(row[0])) for row in rows)

    def sent(self, keys: Iterable[str]) -> int:
        """How often answers with these keys were asked for; those of batches that never arrived do not count."""
        wanted = set(keys)
        rows = self._db.execute("select keys from batch where id is not null or state = 'open'")
        return sum(key in wanted for row in rows for key in json.loads(row[0]))

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Of two processes with one store, one asks; the lock ends with the process, however that ends.

        Raises:
            ElicitationError: another process is asking.
        """
        if self.path == ":memory:":
            yield
            return
        lock = sqlite3.connect(f"{self.path}.lock", isolation_level=None, timeout=0)
        try:
            try:
                lock.execute("begin exclusive")
            except sqlite3.OperationalError as error:
                raise ElicitationError(
                    f"another process is asking with the store {self.path}: wait until it has finished; nothing was "
                    "sent."
                ) from error
            yield
        finally:
            lock.close()

    def _keep(self, written: Iterable[tuple[str, str]]) -> None:
        """Keeps the texts of requests, by their hash."""
        self._db.executemany("insert or ignore into request values (?, ?)", written)

    def _where(self, query: str, values: Sequence[str]) -> Iterator[Any]:
        """Rows of a query that ends in a column, which must have one of the values."""
        for start in range(0, len(values), AT_ONCE):
            part = values[start : start + AT_ONCE]
            yield from self._db.execute(f"{query} in ({', '.join('?' * len(part))})", part)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")


def _row(answer: Answer) -> tuple[object, ...]:
    """The columns of an answer, its value as JSON, which tells 1 from true."""
    row = dict(vars(answer))
    row["value"] = _written(answer.value)
    return tuple(row.values())


def _answer(row: Sequence[object]) -> Answer:
    values: list[Any] = list(row)
    values[VALUE] = _read(values[VALUE])
    return Answer(*values)


# Few values come often; True is not 1.
_read = lru_cache(maxsize=1000)(json.loads)
_written = lru_cache(maxsize=1000, typed=True)(json.JSONEncoder(ensure_ascii=False).encode)

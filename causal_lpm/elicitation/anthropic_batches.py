"""Anthropic's Message Batches: half the price, and nothing is paid twice.

What is about to be sent is noted before. A batch whose reply was lost is looked for, by its ids, before anything is
sent again: making a batch is not idempotent, and each is billed.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from causal_lpm import validate
from causal_lpm.elicitation.answers import Answer, read_reply
from causal_lpm.elicitation.batch_results import Reading, read_results
from causal_lpm.elicitation.failures import BudgetError, ElicitationError
from causal_lpm.elicitation.plan import SYNTHETIC, Plan, tokens_of
from causal_lpm.elicitation.prompts import MOST_TOKENS, Prompt
from causal_lpm.elicitation.service import Lost, NotThereError, Refusal, TooLarge, call, waits
from causal_lpm.elicitation.store import AnswerStore, NotedBatch
from causal_lpm.extras import installing

__all__ = ["AnthropicProvider"]

_LOG = logging.getLogger("causal_lpm")

COUNTED = 8  # prompts whose tokens the service counts, at no cost
MARGIN = 1.05  # of the tokens of a prompt, beyond the estimate
LARGEST = 100_000  # requests of a batch that the service takes
CLOCKS = 600.0  # seconds that the service's clock may be behind ours
STATES = ("processing", "succeeded", "errored", "canceled", "expired")
KEPT = "what came is kept, what was sent is noted, and the same call goes on."


class AnthropicProvider:
    """Asks a model of Anthropic through its Message Batches; needs the extra `llm`.

    Args:
        client: `anthropic.Anthropic(...)`; by default one that reads its key from ANTHROPIC_API_KEY.
        batch: Requests of a batch, 1 to 100,000.
        poll: Seconds between looks at a batch.
        patience: Seconds that a call waits for a batch.
        sleep: Waits so many seconds.

    Raises:
        ModuleNotFoundError: anthropic is not installed.
        ValueError: a batch size, poll or patience out of range.
    """

    def __init__(
        self,
        client: Any = None,
        *,
        batch: int = 10_000,
        poll: float = 30.0,
        patience: float = 90_000.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._size = validate.whole_number("batch", batch, high=LARGEST)
        for name, value in (("poll", poll), ("patience", patience)):
            if not value >= 0:
                raise ValueError(f"{name} is {value}: give seconds, 0 or more.")
        try:
            import anthropic
        except ModuleNotFoundError:
            raise ModuleNotFoundError(f"anthropic is not installed: {installing('llm')}.") from None
        # The SDK would wait and repeat in silence, also what must not be repeated.
        self._client = (anthropic.Anthropic() if client is None else client).with_options(max_retries=0)
        self._poll, self._patience, self._sleep = poll, patience, sleep

    def __repr__(self) -> str:
        return "AnthropicProvider()"

    def answer(self, plan: Plan, store: AnswerStore, max_usd: float) -> None:
        if plan.model == SYNTHETIC:
            raise ValueError(f"the plan is for {SYNTHETIC!r}, which is no model: plan with the name of one.")
        for noted in store.open_batches():
            self._resume(noted, store)
        plan = plan.again(store)
        if not plan.todo:
            return
        prompts = plan.missing
        keys = list(prompts)
        ratio = self._counted(plan)
        estimated = {hash: tokens_of(prompt.written) for hash, prompt in plan.requests.items()}
        told = plan.price.batch(ratio * sum(estimated[prompt.hash] for prompt in prompts.values()), plan.output_tokens)
        spent = plan.price.batch(*store.billed(plan.keys))
        if spent + told > max_usd:
            raise BudgetError(
                f"{plan.calls} calls cost about ${told:.2f} as the service counts tokens, and ${spent:.2f} are spent "
                f"already: that is more than max_usd={max_usd:g}; nothing more was sent."
            )
        dearest = max(estimated.values()) * ratio * MARGIN
        worst = plan.price.batch(dearest, MOST_TOKENS)
        size, start = self._size, 0
        while start < len(keys):
            left = max_usd - plan.price.batch(*store.billed(plan.keys))
            affordable = len(keys) if worst == 0 else int(left / worst)
            part = keys[start : start + min(size, affordable)]
            if not part:
                raise BudgetError(
                    f"the next answer could pass max_usd={max_usd:g}, of which ${left:.4f} are left: "
                    f"{len(keys) - start} answers were not asked for, which cost about ${plan.again(store).usd:.2g} by "
                    f"what was billed so far; {KEPT}"
                )
            try:
                noted = self._send(part, prompts, store)
            except TooLarge as error:
                if len(part) == 1:
                    raise ElicitationError(f"one request alone is too large for the service ({error}).") from None
                size = len(part) // 2
                continue
            self._collect(noted, store)
            if start == 0 and len(part) < len(keys):
                _LOG.info("by what was billed for %d answers: %s", len(part), plan.again(store))
            start += len(part)

    # --- calls ---------------------------------------------------------------------------------------------------

    def _repeated(self, do: Callable[[], Any], expected: Callable[[Any], bool]) -> Any:
        """A call that may be repeated."""
        attempt = 0
        while True:
            try:
                return call(do, expected, self._client)
            except Lost as lost:
                self._sleep(waits(attempt, lost, KEPT))
                attempt += 1

    def _counted(self, plan: Plan) -> float:
        """Tokens as the service counts them, of one that is estimated."""
        prompts = sorted(plan.requests.values(), key=lambda prompt: len(prompt.written))
        step = max(1, len(prompts) // COUNTED)
        counted = estimated = 0.0
        for prompt in prompts[step // 2 :: step][:COUNTED]:
            asked = {name: value for name, value in prompt.params.items() if name != "max_tokens"}
            reply = self._repeated(
                partial(self._client.messages.count_tokens, **asked),
                lambda reply: isinstance(getattr(reply, "input_tokens", None), int),
            )
            counted += reply.input_tokens
            estimated += tokens_of(prompt.written)
        return counted / estimated

    def _send(self, keys: list[str], prompts: Mapping[str, Prompt], store: AnswerStore) -> NotedBatch:
        """Makes a batch, and looks for it where the reply was lost."""
        noted = store.note(keys, (prompts[key] for key in keys), time.time())
        requests: Any = [{"custom_id": key, "params": prompts[key].params} for key in keys]
        attempt = 0
        while True:
            try:
                made = call(lambda: self._client.messages.batches.create(requests=requests), _is_batch, self._client)
                return store.arrived(noted, made.id)
            except Refusal as lost:
                self._sleep(waits(attempt, lost, KEPT))
            except Lost as lost:
                wait = waits(attempt, lost, KEPT)
                if (found := self._found(noted, store)) is not None:
                    return store.arrived(noted, found)
                self._sleep(wait)
            except (ElicitationError, TooLarge):
                store.finished(noted)  # it never arrived
                raise
            attempt += 1

    def _found(self, noted: NotedBatch, store: AnswerStore) -> str | None:
        """The id of a batch with these keys, running or ended, which the store does not know; or None."""
        known = store.batch_ids()
        for batch in self._recent(noted.noted - CLOCKS):
            if batch.id in known or _total(batch) != len(noted.keys):
                continue
            # The ids of a running batch cannot be seen: it is waited for.
            if not set(noted.keys).isdisjoint(self._read(batch.id).lines):
                return str(batch.id)
        return None

    def _recent(self, since: float) -> list[Any]:
        found: list[Any] = []
        options: dict[str, Any] = {"limit": 100}
        while True:
            page = self._repeated(
                partial(self._client.messages.batches.list, **options),
                lambda page: isinstance(getattr(page, "data", None), list),
            )
            recent = [batch for batch in page.data if batch.created_at.timestamp() >= since]
            found += recent
            if len(recent) < len(page.data) or not page.data or not getattr(page, "has_more", False):
                return found
            options = {"limit": 100, "after_id": page.data[-1].id}

    def _resume(self, noted: NotedBatch, store: AnswerStore) -> None:
        if noted.id is None:
            if (found := self._found(noted, store)) is None:
                store.finished(noted)
                return
            noted = store.arrived(noted, found)
        self._collect(noted, store)

    def _wait_for(self, id: str) -> Any:
        waited = 0.0
        while True:
            batch = self._repeated(lambda: self._client.messages.batches.retrieve(id), _is_batch)
            if batch.processing_status == "ended":
                return batch
            if waited >= self._patience:
                raise ElicitationError(f"batch {id} is not ready after {waited:.0f} s; {KEPT}")
            self._sleep(self._poll)
            waited += max(self._poll, 1e-3)

    def _read(self, id: str) -> Reading:
        try:
            batch = self._wait_for(id)
        except NotThereError:
            return Reading({}, False, gone=True)
        if batch.archived_at is not None:
            return Reading({}, False, gone=True)
        return read_results(self._client, id, _total(batch), self._sleep, KEPT)

    def _collect(self, noted: NotedBatch, store: AnswerStore) -> None:
        """Reads a batch into the store, as far as it can be read."""
        assert noted.id is not None
        source = "a language model was asked through Anthropic's Message Batches"
        schemas = _schemas(noted.keys, store)
        reading = self._read(noted.id)
        answers, bill = list[Answer](), [0, 0]
        for key in noted.keys:
            result = reading.lines.get(key)
            if result is None:
                if reading.whole:
                    answers.append(Answer(key, "missing", None, "", "", source))
                continue
            if result.type == "succeeded":
                answer = read_reply(key, schemas[key], result.message, source)
                bill = [bill[0] + answer.input_tokens, bill[1] + answer.output_tokens]
            else:
                answer = Answer(key, str(result.type), None, "", "", source)
            answers.append(answer)
        store.put(answers)
        if reading.whole:
            store.finished(noted, *bill)
        else:
            left = store.partly_read(noted, (answer.key for answer in answers), *bill)
            self._stop(left, reading.gone, store)
        if reading.final:
            raise ElicitationError(f"the service refused requests of batch {noted.id}: {reading.final}; {KEPT}")

    def _stop(self, left: NotedBatch, gone: bool, store: AnswerStore) -> None:
        """Ends the work where a batch could not be read as a whole.

        Raises:
            ElicitationError: always; it says what of the batch is kept, and what may be billed unseen.
        """
        whole = store.asked_for(left)
        read = f"of batch {left.id} {whole - len(left.keys)} of {whole} results could be read"
        if not gone:
            raise ElicitationError(f"{read}; {KEPT}")
        store.finished(left)
        texts = store.written(key.rpartition("-")[0] for key in left.keys)
        told = sum(tokens_of(texts[key.rpartition("-")[0]]) for key in left.keys)
        raise ElicitationError(
            f"{read}, which are kept and on the bill; it is no longer there, and the service may have billed the other "
            f"{len(left.keys)}, about {told:.0f} tokens in and at most {MOST_TOKENS * len(left.keys)} out, which no "
            "limit here counts: the same call asks for those anew."
        )


def _schemas(keys: tuple[str, ...], store: AnswerStore) -> dict[str, Any]:
    hashes = {key: key.rpartition("-")[0] for key in keys}
    written = {
        hash: json.loads(text)["output_config"]["format"]["schema"]
        for hash, text in store.written(hashes.values()).items()
    }
    return {key: written[hash] for key, hash in hashes.items()}


def _is_batch(reply: Any) -> bool:
    counts = getattr(reply, "request_counts", None)
    return isinstance(getattr(reply, "id", None), str) and getattr(counts, "processing", None) is not None


def _total(batch: Any) -> int:
    counts = batch.request_counts
    return sum(int(getattr(counts, state) or 0) for state in STATES)

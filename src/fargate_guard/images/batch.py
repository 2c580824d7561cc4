"""Questions answered side by side, in threads that nobody has to wait for."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Answer]):
    """How asking a question ended."""

    answers: tuple[Answer, ...] = ()
    """The answer, where there is one."""
    error: BaseException | None = None
    """What asking raised."""

    def result(self) -> Answer:
        """Return the answer, or raise what asking raised."""
        if self.error:
            raise self.error
        return self.answers[0]


class Batch(Generic[Question, Answer]):
    """Asks in daemon threads: unlike an executor's, they keep neither Ctrl-C nor the process's end waiting."""

    def __init__(self, ask: Callable[[Question], Answer], *, workers: int, patience: float) -> None:
        """Prepare.

        :param workers: threads at most.
        :param patience: seconds after which a question is given up, whatever its thread is doing.
        """
        self._ask = ask
        self._workers = max(1, workers)
        self._patience = patience
        self._finished: queue.SimpleQueue[tuple[Question, Outcome[Answer]]] = queue.SimpleQueue()

    def run(self, questions: Iterable[Question]) -> dict[Question, Outcome[Answer] | None]:
        """Answer all questions; None for those that were given up."""
        waiting = list(questions)[::-1]
        running: dict[Question, float] = {}
        answers: dict[Question, Outcome[Answer] | None] = {}
        while waiting or running:
            while waiting and len(running) < self._workers:
                question = waiting.pop()
                running[question] = time.monotonic() + self._patience
                threading.Thread(target=self._work, args=(question,), daemon=True).start()
            try:
                seconds = max(0.0, min(running.values()) - time.monotonic())
                question, answer = self._finished.get(timeout=seconds)
            except queue.Empty:
                late = min(running, key=running.__getitem__)
                del running[late]
                answers[late] = None
            else:
                if running.pop(question, None) is not None:
                    answers[question] = answer
        return answers

    def _work(self, question: Question) -> None:
        try:
            outcome = Outcome((self._ask(question),))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer raises it
            outcome = Outcome(error=error)
        self._finished.put((question, outcome))

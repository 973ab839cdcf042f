"""What is said of an attempt before its batch has come."""

from parrot_async.models import ErrorInfo
from parrot_async.runner.execution import Execution
from parrot_async.runner.words import KEPT, EarlyWords

REASON = ErrorInfo("cancelled", "it was cancelled")


class Told(Execution):
    """An attempt that only listens."""

    def __init__(self, job_id: str) -> None:
        self.id, self.attempt = job_id, 1
        self.told: list[object] = []

    def pause(self) -> None:
        self.told.append("pause")

    def stop(self, reason: ErrorInfo) -> bool:
        self.told.append(reason)
        return True


def told_by(words: EarlyWords, job_id: str = "r") -> list[object]:
    execution = Told(job_id)
    words.tell(execution)
    return execution.told


def test_an_attempt_is_told_once_what_was_said_before_it_came() -> None:
    words = EarlyWords()
    words.pause(("r", 1))
    words.stop(("r", 1), REASON)

    first, second = told_by(words), told_by(words)

    assert first == ["pause", REASON]
    assert second == []


def test_a_pause_that_was_taken_back_and_one_of_another_attempt_hold_nobody() -> None:
    words = EarlyWords()
    words.pause(("r", 1))
    words.resume(("r", 1))
    words.pause(("r", 2))

    assert told_by(words) == []


def test_only_the_latest_words_are_kept() -> None:
    words = EarlyWords()
    for number in range(KEPT + 1):
        words.pause((str(number), 1))

    assert told_by(words, "0") == []
    assert told_by(words, str(KEPT)) == ["pause"]

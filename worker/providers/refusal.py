"""What an attempt's outcome is when its answer is an error code, or when there is no answer that can be read."""

from worker.providers.http import NoAnswer, NotSent, TooLate
from worker.providers.meaning import Meaning
from worker.providers.protocol import Deferred, Outcome, Refused, Unknown, Unreadable

# How an attempt ends without an answer.
Unanswered = NotSent | NoAnswer | Unreadable


def judge_meaning(meaning: Meaning, code: str, message: str, provider_code: str) -> Outcome:
    """What a code that means this says of the attempt it answers."""
    match meaning:
        case Meaning.REFUSED:
            return Refused(code, message, provider_code)
        case Meaning.LATER | Meaning.OPERATOR:
            return Deferred(code, message, provider_code, needs_operator=meaning is Meaning.OPERATOR)
        case Meaning.UNCERTAIN | Meaning.DUPLICATE:
            return Unknown(code, message, provider_code)


def judge_unanswered(error: Unanswered) -> Outcome:
    """What is known of an attempt that ended so: what has not left did nothing, anything else may have."""
    match error:
        case TooLate():
            return Deferred("not_sent", str(error))
        case NotSent():
            return Deferred("provider_unreachable", str(error))
        case NoAnswer() | Unreadable():
            return Unknown("no_answer", str(error))

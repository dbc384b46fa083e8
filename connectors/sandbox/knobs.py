"""The knobs of a sandbox system: how slow it is, how it fails, and whether its feeds are silent.

They are kept with the system's state (``systems``), so that every process sees them at once. Here
is what they mean: which error a caller gets. Untouched, a system is quick, well and tells all.
"""

from dataclasses import dataclass
from enum import StrEnum

from resolvers.domain.errors import (
    BackendRefused,
    BackendThrottled,
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    UnknownOutcome,
)


class Fault(StrEnum):
    """How a system fails every call.

    ``ANSWER_LOST`` does what it was told, then loses the answer; it harms writes only.
    ``THROTTLE`` says that it is asked too much.
    """

    NONE = "none"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    REFUSE = "refuse"
    ANSWER_LOST = "answer-lost"
    THROTTLE = "throttle"


@dataclass(frozen=True, slots=True)
class Knobs:
    """How one system behaves. ``silent``: its feeds stand still where they were when it was set."""

    delay_seconds: float = 0.0
    fail: Fault = Fault.NONE
    silent: bool = False


def read_failure(system: str, fault: Fault) -> CommerceError | None:
    """The error that a question ends with, if any."""
    match fault:
        case Fault.UNAVAILABLE:
            return BackendUnavailable(f"{system} is not there", backend=system)
        case Fault.TIMEOUT:
            return BackendTimedOut(f"{system} did not answer in time", backend=system)
        case Fault.REFUSE:
            return BackendRefused(f"{system} lets nobody in", backend=system, kind="AUTH")
        case Fault.THROTTLE:
            return BackendThrottled(f"{system} is asked too much", backend=system)
        case Fault.NONE | Fault.ANSWER_LOST:
            return None


def write_failure(system: str, fault: Fault) -> CommerceError | None:
    """The error that a write ends with before anything was done, if any."""
    match fault:
        case Fault.UNAVAILABLE:
            return BackendUnavailable(f"{system} is not there", backend=system)
        case Fault.TIMEOUT:
            return answer_lost(system)
        case Fault.REFUSE:
            return BackendRefused(f"{system} takes no writes", backend=system, kind="PERMANENT")
        case Fault.THROTTLE:
            return BackendThrottled(f"{system} is asked too much", backend=system)
        case Fault.NONE | Fault.ANSWER_LOST:
            return None


def answer_lost(system: str) -> UnknownOutcome:
    """What a caller knows when no answer to a write came back: nothing."""
    return UnknownOutcome(f"{system} did not answer a write in time", backend=system)

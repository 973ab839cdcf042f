"""What becomes of trees that do not run here: taken over, followed, pruned, or given up."""

from dataclasses import dataclass

from parrot_async.service.custody.abandoned import Abandoned
from parrot_async.service.custody.following import Following
from parrot_async.service.custody.recovery import Recovery
from parrot_async.service.custody.retention import Retention


@dataclass(slots=True, frozen=True)
class Custody:
    """The parts of the service that see to them."""

    recovery: Recovery
    following: Following
    retention: Retention
    abandoned: Abandoned

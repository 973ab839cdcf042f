"""How far a running job is, as it last reported."""


class Track:
    """A number of steps, and how many of them are done."""

    def __init__(self, total: int) -> None:
        """Start at none of `total` steps; 0 where their number is not known."""
        self.total = total
        self.done = 0


class JobProgress:
    """What a job last reported of itself: percent, current step, and the tracks that it is in.

    Runs on: the job's thread or loop writes it, the worker's loop reads it when it sends.
    """

    __slots__ = ("percent", "step", "tracks")

    def __init__(self) -> None:
        """Start at 0 %."""
        self.percent = 0.0
        self.step = ""
        self.tracks: list[Track] = []
        """Outermost first."""

    def report(self, percent: float) -> None:
        """Note the percent, brought into 0-100."""
        self.percent = min(100.0, max(0.0, float(percent)))

    def recount(self) -> None:
        """Compute the percent from the tracks: an inner one moves the outer one by part of a step.

        It stays as it is where nobody knows the outermost track's number of steps.
        """
        part = 0.0
        for track in reversed(self.tracks):
            part = min(1.0, (track.done + part) / track.total) if track.total else 0.0
        if self.tracks[0].total:
            self.percent = 100.0 * part

    def counts(self) -> tuple[int, int]:
        """Return the done and the total steps of the outermost track, (0, 0) outside of any."""
        # One step, and no look at the length before: the job may leave the track meanwhile.
        for track in self.tracks:
            return track.done, track.total
        return 0, 0

"""What the ticks of one schedule come to, on plain lists, for the real ones to be held to."""

from dataclasses import dataclass, field

LATE, MOST = 90.0, 100


@dataclass
class Model:
    """A schedule at whole intervals from its anchor."""

    interval: float
    anchor: float
    catch_up: str
    upto: float
    enabled: bool = True
    plan: int = 0  # how often it was edited
    jobs: dict[tuple[int, float], str] = field(default_factory=dict)
    early: set[float] = field(default_factory=set)  # due times of jobs that were made before them
    done: float = 0.0  # the last due time of those that were not

    def dues(self, after: float, until: float) -> list[float]:
        turn = max(1, int((after - self.anchor) // self.interval))
        found = []
        while (due := self.anchor + turn * self.interval) <= until:
            found += [due] if due > after else []
            turn += 1
        return found

    def is_due(self, until: float) -> bool:
        return self.enabled and bool(self.dues(self.upto, until))

    def tick(self, now: float, ahead: float) -> None:
        """Of a tick that was written."""
        if not self.is_due(now + ahead):
            return
        past = self.dues(self.upto, now)
        if past and past[0] < now - LATE:
            if self.catch_up == "all":
                past = past[-MOST:]
            else:
                on_time = self.catch_up == "one" or past[-1] >= now - LATE
                past = past[-1:] if on_time else []
        for due in (*past, *self.dues(max(self.upto, now), now + ahead)):
            assert (self.plan, due) not in self.jobs
            self.jobs[self.plan, due] = "queued"
            self.early.add(due)
        self.done = max([self.done, *(due for due in self.early if due <= now)])
        self.early = {due for due in self.early if due > now}
        self.upto = now + ahead

    def change(self, now: float, enabled: bool) -> None:
        """An edit, a pause, or the end of one."""
        now_or_done = max(now, self.done)
        self.upto = min(self.upto, now_or_done) if self.enabled and enabled else now_or_done
        for due in self.early:
            if due > now:
                self.jobs[self.plan, due] = "cancelled"
        self.early = set()
        self.enabled = enabled
        self.plan += 1

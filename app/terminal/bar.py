"""The line that shows how far a job is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.logs import escaped
from app.terminal.text import clock_time, counted, fitted, width_of

WINDOW = 30.0  # seconds back that a rate is measured over
SAMPLES = 64
NARROWEST, WIDEST = 8, 40  # columns of the bar itself
LEAST_NOTE = 6  # columns, with what parts it from the rest


@dataclass(frozen=True)
class Pace:
    """How fast it goes lately: from what was seen of it, not from its start, for it may have been
    asleep, or resumed."""

    seen: tuple[tuple[float, float], ...] = ()  # when, and how much was done

    def after(self, now: float, done: float) -> "Pace":
        """With one more look; what went backwards begins anew."""
        if self.seen and done < self.seen[-1][1]:
            return Pace(((now, done),))
        recent = [look for look in self.seen if now - look[0] <= WINDOW][-SAMPLES:]
        return Pace((*recent, (now, done)))

    def rate(self) -> float | None:
        """Done a second; None while nobody can tell."""
        if len(self.seen) < 2:
            return None
        (began, first), (ended, last) = self.seen[0], self.seen[-1]
        return (last - first) / (ended - began) if ended > began and last > first else None


@dataclass(frozen=True)
class Look:
    """What is known of a job that is followed."""

    status: str
    attempt: int = 0
    done: float | None = None
    total: float | None = None
    note: str = ""
    rate: float | None = None
    elapsed: float = 0.0  # seconds that it has been followed

    def progressed(self) -> str:
        """`120/400`, `120`, or nothing."""
        return progressed({"done": self.done, "total": self.total})


def progressed(progress: Mapping[str, Any] | None) -> str:
    """How far, in numbers."""
    if progress is None or progress["done"] is None:
        return ""
    done = counted(progress["done"])
    return f"{done}/{counted(progress['total'])}" if progress["total"] else done


def bar(look: Look, width: int, *, plain: bool = False) -> str:
    """One line of at most so many columns. `plain`: in ASCII."""
    head = f"{escaped(look.status)}{f' (attempt {look.attempt})' if look.attempt > 1 else ''}"
    told = [part for part in (look.progressed(), *_pace(look)) if part]
    line = "  ".join((head, *(told or [clock_time(look.elapsed)])))
    note = escaped(look.note)
    if look.done is not None and look.total:
        part = min(1.0, max(0.0, look.done / look.total))
        tail = "  ".join((f"{int(part * 100):3}%", *told))
        room = width - width_of(f"{head}  []  {tail}")
        if room >= NARROWEST:
            columns = min(WIDEST, max(NARROWEST, room - width_of(note) - 2))
            line = f"{head}  [{_blocks(part, columns, plain)}]  {tail}"
    if note and width - width_of(line) >= LEAST_NOTE:
        line += f"  {note}"
    line = fitted(line, width)
    return line.replace("…", "~").encode("ascii", "replace").decode() if plain else line


def _pace(look: Look) -> tuple[str, str]:
    if look.rate is None or look.status != "running":
        return "", ""
    rate = f"{look.rate:.1f}/s" if look.rate >= 1 else f"{look.rate * 60:.1f}/min"
    if not look.total or look.done is None:
        return rate, ""
    left = max(0.0, look.total - look.done) / look.rate
    return rate, f"{clock_time(left)} left"


def _blocks(part: float, columns: int, plain: bool) -> str:
    full, rest = ("#", "-") if plain else ("█", "░")
    done = int(part * columns)
    return full * done + rest * (columns - done)

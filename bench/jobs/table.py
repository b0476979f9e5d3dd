"""The table of one run: medians of its rounds, each with its ratio to the bound in its column."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.jobs.clock import middle

# A column: the figure that it shows, its head.
COLUMNS = (
    ("single", "one by one/s"),
    ("batch", "by hundreds/s"),
    ("drain", "drain/s"),
    ("step", "steps/s"),
)
NAME, CELL = 44, 16


@dataclass
class Row:
    """What was seen of one subject, a value a round; `waits` are of all rounds together."""

    name: str
    durable: bool = True
    rates: dict[str, list[float]] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    durability: str = ""

    def add(self, figures: dict[str, float | str | list[float]]) -> None:
        for name, value in figures.items():
            if isinstance(value, list):
                self.waits += value
            elif isinstance(value, str):
                self.durability = value
            else:
                self.rates.setdefault(name, []).append(value)

    def rate(self, figure: str) -> float | None:
        return middle(self.rates[figure]) if figure in self.rates else None

    def wait(self, part: float) -> float:
        return sorted(self.waits)[int((len(self.waits) - 1) * part)]


def show(title: str, rows: Iterable[Row], bounds: dict[str, float]) -> None:
    heads = "".join(f"{head:>{CELL}}" for _, head in COLUMNS)
    print(f"{title:{NAME}}{heads}{'idle ms':>16}  durability", flush=True)
    for row in rows:
        cells = "".join(_cell(row.rate(figure), bounds.get(figure)) for figure, _ in COLUMNS)
        waits = f"{row.wait(0.5):.1f} (p95 {row.wait(0.95):.0f})" if row.waits else ""
        print(f"  {row.name:{NAME - 2}}{cells}{waits:>16}  {row.durability}".rstrip(), flush=True)


def _cell(rate: float | None, bound: float | None) -> str:
    if rate is None:
        return " " * CELL
    ratio = f" {rate / bound:6.2f}" if bound else " " * 7
    return f"{rate:,.0f}{ratio}".rjust(CELL)


@dataclass(frozen=True)
class Target:
    """What is promised of ours, as a ratio or a figure; `most` says on which side is good."""

    name: str
    value: float | None
    limit: float
    most: bool = False

    def __str__(self) -> str:
        side = "at most" if self.most else "at least"
        if self.value is None:
            return f"  {self.name:66}{'not measured':>12}  {side} {self.limit:g}"
        met = self.value <= self.limit if self.most else self.value >= self.limit
        said = f"{self.value:.3f}"
        return f"  {self.name:66}{said:>12}  {side} {self.limit:g}: {'yes' if met else 'NO'}"


def against(value: float | None, bound: float | None) -> float | None:
    return value / bound if value is not None and bound else None

"""What came again, of the lines that the runs of a job left, and what of it should not have."""

from tests.torture.history import Effect

LATE = 4.0  # seconds of work, at most, between two saves of the one that saves each second

Runs = list[list[Effect]]


def in_order(lines: list[Effect]) -> bool:
    """Did it end by itself, at a boundary or at the function's end?"""
    return lines[-1].what == "returned" or (
        lines[-1].what == "left" and lines[-1].name in ("Stopped", "Suspended")
    )


def walk(executions: Runs, every: int) -> tuple[str, list[str]]:
    """Items that came again, and what is wrong with them. `every=0`: it saves each second."""
    wrong: list[str] = []
    repeats: list[int] = []
    at: dict[int, float] = {}  # when each came last
    behind, calm = 0, True  # where the run before came to; and did it end in good order?
    for lines in executions:
        if items := [line for line in lines if line.what == "item"]:
            first, again = items[0].value, behind - items[0].value
            if again < 0 or [line.value for line in items] != [*range(first, first + len(items))]:
                wrong.append(f"items are missing before or behind {first}")
            if again and calm:
                wrong.append(f"{again} items came again after a run that ended in good order")
            if every and again > every:
                wrong.append(f"{again} items came again, of a checkpoint of {every}")
            if not every and again > 0 and at[behind - 1] - at[first] > LATE:
                wrong.append(f"over {LATE:g} s of work came again, of a checkpoint a second")
            repeats += [again] if again else []
            at |= {line.value: line.at for line in items}
            behind, calm = items[-1].value + 1, True
        calm = calm and in_order(lines)
    told = f"{sum(repeats)} items again, {max(repeats, default=0)} at most after a kill"
    return told, wrong


def story(executions: Runs, _: int) -> tuple[str, list[str]]:
    """A step runs again only if it was the last thing that a killed run did."""
    last_of: dict[str, list[Effect]] = {}
    wrong: list[str] = []
    repeats = 0
    for lines in executions:
        for line in lines:
            if line.what != "step":
                continue
            if before := last_of.get(line.name):
                repeats += 1
                if in_order(before) or before[-1].name != line.name:
                    wrong.append(f"step {line.name} ran again though it was remembered")
            last_of[line.name] = lines
    return f"{repeats} of {len(last_of)} steps again", wrong

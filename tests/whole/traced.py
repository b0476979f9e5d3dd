"""Operations of a user's own, to be traced."""

from opentelemetry import trace

from app import Refused, Run, operation


@operation("trace.child", long=True)
def child(word: str) -> str:
    return word.upper()


@operation("trace.two", long=True, retries=0)
def two(run: Run, word: str) -> list[str]:
    """Two steps and two children; one span of its own."""
    first = run.step("first", lambda: word * 2)
    with trace.get_tracer("own").start_as_current_span("of its own"):
        second = run.step("second", len, first)
    return [str(second), *run.map(child, [{"word": "a"}, {"word": "b"}])]


@operation("trace.fails", long=True, retries=0)
def fails(run: Run, word: str) -> None:
    def step() -> None:
        raise KeyError(word)

    run.step("breaks", step)


@operation("trace.refuses")
def refuses(word: str) -> None:
    raise Refused(f"Not {word}.")

"""Herding cats: what takes long, and goes on where it was, whatever happens to the machine."""

from typing import Annotated

from marshmallow import validate

from app import Run, operation

Many = Annotated[int, validate.Range(1, 10_000)]
Patience = Annotated[float, validate.Range(0, 60)]


@operation("cats.herd", examples=[{"cats": 600, "patience": 0.1}])
def herd(run: Run, cats: Many = 100, patience: Patience = 0.0) -> str:
    """Herd cats, one after another.

    `patience` is how many seconds each of them takes. Kill what you like meanwhile: it goes on. It
    sleeps in the store, so no worker waits with it.
    """
    for _ in run.each(range(cats), note="herding"):
        run.sleep(patience)
        run.state["home"] = run.state.get("home", 0) + 1
    run.log("all are home")
    return f"{run.state['home']} cats are home."

"""What a job costs, beside raw SQLite and beside the peers: python -m bench.jobs

Every subject in turn, in rounds, on one disk, so that the machine's moods hit all; the table shows
medians. Workers are two processes. `jobs` no-op jobs a subject, half submitted one by one and half
in hundreds, wait in the store before the workers start; the drain is timed from when they all run.
`idle` is one job on a service with nothing else to do, from its submit until the caller knows that
it is done. Ratios are to the row of bounds with a figure in the same column (for drains: one
commit a job).
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.jobs import crowd, ours, peers, raw
from bench.jobs.processes import ROOT, end_on_sigterm
from bench.jobs.table import Row, Target, against, show

OURS = {ours.PORT: ours.by_port, ours.HTTP: ours.over_http}


def main() -> None:
    asked = _arguments()
    end_on_sigterm()
    asked.folder.mkdir(parents=True, exist_ok=True)
    bounds, own, others = _rounds(asked)
    limits = _limits(bounds)
    print(f"{asked.jobs:,} jobs a subject, two workers, {asked.rounds} rounds, {asked.folder}")
    show("raw SQLite, one process, commits a job", bounds.values(), limits)
    show("ours", own.values(), limits)
    if ours.missing():
        print(f"!! LEFT OUT: {ours.missing()}")
    show("peers", others.values(), limits)
    crowded = {}
    if own and asked.finished:
        with _fresh(asked.folder) as folder:
            crowded = crowd.compare(folder, asked.finished, asked.jobs)
    print("targets")
    same = bounds[raw.SAME].rate("batch")
    for target in (*_targets(limits, same, own.get(ours.PORT), others), *_crowded(asked, crowded)):
        print(target)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=200, help="jobs on an idle service")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--finished", type=int, default=1_000_000, help="0: leave this part out")
    parser.add_argument("--folder", type=Path, default=ROOT / "build", help="the disk to measure")
    parser.add_argument("--only", default="", help="subjects whose name has this in it")
    return parser.parse_args()


def _rounds(asked: argparse.Namespace) -> tuple[dict[str, Row], dict[str, Row], dict[str, Row]]:
    """The rows of bounds, of ours and of the peers."""
    peers.install()
    bounds: dict[str, Row] = {}
    own: dict[str, Row] = {}
    others: dict[str, Row] = {}
    samples = -(-asked.samples // asked.rounds)
    for _ in range(asked.rounds):
        with _fresh(asked.folder) as folder:
            for name, found in raw.figures(folder, asked.jobs).items():
                bounds.setdefault(name, Row(name)).add(dict(found))
        for name, measure in OURS.items() if not ours.missing() else ():
            try:
                with _fresh(asked.folder) as folder:
                    found = measure(folder, asked.jobs, samples)
            except ours.NotThere as missing:
                found = {"durability": f"LEFT OUT: {missing}"}
            own.setdefault(name, Row(name)).add(found)
        for peer in peers.PEERS:
            if asked.only.lower() in peer.name.lower():
                _add_peer(others, peer, asked, samples)
    return bounds, own, others


def _add_peer(
    rows: dict[str, Row], peer: peers.Peer, asked: argparse.Namespace, samples: int
) -> None:
    name = f"{peer.name.partition(' ')[0]} {peers.version(peer)} {peer.name.partition(' ')[2]}"
    try:
        with _fresh(asked.folder) as folder:
            found = peers.figures(peer, folder, asked.jobs, samples)
    except peers.Missing as missing:
        if name not in rows:
            print(f"!! LEFT OUT: {peer.name}: {missing}", flush=True)
        found = {"durability": f"LEFT OUT: {missing}"}
    rows.setdefault(name, Row(name, durable=peer.durable)).add(found)


def _limits(bounds: dict[str, Row]) -> dict[str, float]:
    """The figure that each column is compared with: raw SQLite, by the same number of commits."""
    asked = {"single": raw.TWO, "batch": raw.TWO, "drain": raw.FUSED, "step": raw.FUSED}
    return {figure: bounds[name].rate(figure) or 0.0 for figure, name in asked.items()}


def _targets(
    limits: dict[str, float], same: float | None, own: Row | None, others: dict[str, Row]
) -> Iterator[Target]:
    own = own or Row(ours.PORT)
    drained, batch = own.rate("drain"), own.rate("batch")
    durable = [row.rate("drain") for row in others.values() if row.durable]
    best = max((value for value in durable if value), default=None)
    yield Target("drain / raw, one commit a job", against(drained, limits["drain"]), 1)
    yield Target("drain / the best peer that is as durable", against(drained, best), 3)
    yield Target("submit by hundreds / raw, our table by hand", against(batch, same), 0.5)
    waits = own.wait(0.5) if own.waits else None
    yield Target("submit to done on an idle service, median ms", waits, 5, most=True)
    steps = against(own.rate("step"), limits["step"])
    yield Target("durable steps / raw commits", steps, 0.5)


def _crowded(asked: argparse.Namespace, times: dict[str, float]) -> Iterator[Target]:
    beside = f"{asked.finished:,} finished jobs / without"
    for ask in crowd.ASKS if asked.finished else ():
        yield Target(f"{ask}: time with {beside}", times.get(ask), 1.3, most=True)


@contextmanager
def _fresh(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-") as made:
        yield Path(made)


if __name__ == "__main__":
    main()

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

from bench.jobs import ours, peers, raw
from bench.jobs.processes import ROOT, end_on_sigterm
from bench.jobs.table import Row, Target, against, show

FUSED = "finish one, claim the next: one"


def main() -> None:
    asked = _arguments()
    end_on_sigterm()
    asked.folder.mkdir(parents=True, exist_ok=True)
    bounds, own, others = _rounds(asked)
    limits = _limits(bounds)
    print(f"{asked.jobs:,} jobs a subject, two workers, {asked.rounds} rounds, {asked.folder}")
    show("raw SQLite, one process, commits a job", bounds.values(), limits)
    show("ours", own.values(), limits)
    show("peers", others.values(), limits)
    crowd = {}
    if own:
        with _fresh(asked.folder) as folder:
            crowd = ours.beside_finished(folder, asked.finished, asked.jobs)
        print(f"with {asked.finished:,} finished jobs in the store, times the time without")
    print("targets")
    for target in _targets(limits, own.get(ours.NAME), others, crowd):
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
        if ours.there():
            with _fresh(asked.folder) as folder:
                row = own.setdefault(ours.NAME, Row(ours.NAME))
                row.add(ours.figures(folder, asked.jobs, samples))
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
    fused = bounds[FUSED]
    plain = next(row for row in bounds.values() if row.rate("single"))
    found = {name: plain.rate(name) for name in ("single", "batch")}
    found |= {name: fused.rate(name) for name in ("drain", "step")}
    found["http"] = found["single"]
    return {name: value for name, value in found.items() if value}


def _targets(
    limits: dict[str, float], own: Row | None, others: dict[str, Row], crowd: dict[str, float]
) -> Iterator[Target]:
    rate = own.rate if own else lambda _: None
    peers_drain = [row.rate("drain") for row in others.values() if row.durable]
    best = max((value for value in peers_drain if value), default=None)
    yield Target("drain / raw, one commit a job", against(rate("drain"), limits["drain"]), 1)
    yield Target("drain / the best peer that is as durable", against(rate("drain"), best), 3)
    yield Target("submit by hundreds / raw", against(rate("batch"), limits["batch"]), 0.5)
    waits = own.wait(0.5) if own and own.waits else None
    yield Target("submit to done on an idle service, median ms", waits, 5, most=True)
    yield Target("durable steps / raw commits", against(rate("step"), limits["step"]), 0.5)
    for name in ours.CROWDED:
        text = f"{name}, with the finished jobs / without"
        yield Target(text, crowd.get(name), 1.3, most=True)


@contextmanager
def _fresh(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-") as made:
        yield Path(made)


if __name__ == "__main__":
    main()

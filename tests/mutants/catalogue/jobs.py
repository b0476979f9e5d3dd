"""How jobs run, stop, come back and end."""

from tests.mutants.mutant import Mutant

ENGINE = (
    "tests/room/test_job.py",
    "tests/room/test_engine.py",
    "tests/room/test_engine_model.py",
)
RUN = ("tests/room/test_run.py", "tests/room/test_run_each.py", "tests/room/test_journal.py")
LANES = ("tests/room/test_flow.py", "tests/room/test_flow_crashes.py", "tests/room/test_pace.py")
SWEEP = ("tests/room/test_sweep.py", "tests/handlers/test_tick.py", "tests/handlers/test_work.py")
CHILDREN = ("tests/room/test_children.py", "tests/room/test_orphans.py")

MUTANTS = (
    Mutant(
        "broken-line-cancels",
        "app/doors/mcp/progress.py",
        "        may_return = not visit.revision.modern or visit.wishes.key is not None\n",
        "        may_return = visit.wishes.key is not None\n",
        "A connection that breaks cancels the job of a client that never asked for that.",
        ("tests/doors/test_mcp_jobs.py",),
    ),
    Mutant(
        "fence-not-at-checkpoints",
        "app/room/ledger.py",
        "beside=lambda *_: beside, fenced=True)",
        "beside=lambda *_: beside)",
        "A worker that slept past its lease writes its old journal over that of its successor.",
        ENGINE + RUN,
    ),
    Mutant(
        "fence-is-the-status",
        "app/room/settlement.py",
        "                try:\n"
        "                    record = self._ledger.look(record)\n"
        "                except (Lost, Unknown):\n"
        "                    return None\n"
        "                continue\n",
        "                found = self._ledger.get(record.id)\n"
        "                if found is None or found.label != RUNNING:\n"
        "                    return None\n"
        "                record = found\n"
        "                continue\n",
        "A stale result lands while another worker still runs the job, whose own is then refused.",
        ENGINE,
    ),
    Mutant(
        "crash-is-no-attempt",
        "app/room/job.py",
        "    if attempt(record) <= tries:\n",
        "    if record.label == RUNNING:\n",
        "A function that kills its process is begun again for ever, and its worker with it.",
        ENGINE,
    ),
    Mutant(
        "backoff-without-cap",
        "app/room/job.py",
        'min(LONGEST_PAUSE, float(record.body["backoff"]) * 2.0 ** min(tries - 1, 30))',
        'float(record.body["backoff"]) * 2.0 ** min(tries - 1, 30)',
        "The tenth attempt of a job comes a quarter of an hour later, and the twentieth in a week.",
        ENGINE,
    ),
    Mutant(
        "backoff-without-jitter",
        "app/room/job.py",
        '    return longest * crc32(f"{record.id}/{tries}".encode()) / 2**32\n',
        "    return longest\n",
        "A thousand jobs that met one outage come back in the same second, and make the next one.",
        ENGINE,
    ),
    Mutant(
        "heartbeat-renews-nothing",
        "app/room/engine.py",
        "        return self.ledger.checkpoint(found, {}, lambda fresh: fresh)\n",
        "        return found\n",
        "Whatever runs longer than ten seconds is begun a second time beside itself.",
        (*ENGINE, "tests/worker/test_guardian.py"),
    ),
    Mutant(
        "worker-trusts-rings-alone",
        "app/worker/keeper.py",
        "        if not (self._rung or now >= self._look_at):\n",
        "        if not self._rung:\n",
        "A job whose hint was lost, or whose worker died, stays where it is until somebody submits.",
        ("tests/worker",),
    ),
    Mutant(
        "sweep-forgets-the-dead",
        "app/room/sweep.py",
        "    for status in (QUEUED, WAITING, RUNNING):\n",
        "    for status in (QUEUED, WAITING):\n",
        "On Lambda a job whose process died waits until the tick itself has run all before it.",
        SWEEP,
    ),
    Mutant(
        "sweep-forgets-the-unheard",
        "app/room/sweep.py",
        "    for status in (QUEUED, WAITING, RUNNING):\n",
        "    for status in (WAITING, RUNNING):\n",
        "On Lambda a thousand jobs whose messages were lost are left to the tick, one by one.",
        SWEEP,
    ),
    Mutant(
        "orphans-go-on",
        "app/room/engine.py",
        "if ending is None and self._is_orphan(record, parents):",
        "if ending is None and parents.get(record.id):",
        "The ten thousand children of a cancelled job run on, for nobody.",
        CHILDREN,
    ),
    Mutant(
        "children-told-after",
        "app/room/settlement.py",
        "            beside = [*deliveries(after), *left_by(after), *_tallies(after), *counted, *freed]\n"
        "            written = self._ports.records.commit(*puts, *beside)\n",
        "            beside = [*deliveries(after), *left_by(after), *counted, *freed]\n"
        "            written = self._ports.records.commit(*puts, *beside)\n"
        "            for told in _tallies(after):\n"
        "                if (map := self._ports.records.get(MAPS, told.id)) is not None:\n"
        "                    self._ledger.amend(map, lambda found, told=told: replace(\n"
        "                        found, body=found.body | {\n"
        "                            name: found.body[name] + more\n"
        "                            for name, more in told.amounts.items()}))\n",
        "After a crash in between, a parent waits for ever for a child that has long ended.",
        CHILDREN,
    ),
    Mutant(
        "webhook-after-the-end",
        "app/room/settlement.py",
        "            beside = [*deliveries(after), *left_by(after), *_tallies(after), *counted, *freed]\n"
        "            written = self._ports.records.commit(*puts, *beside)\n",
        "            beside = [*left_by(after), *_tallies(after), *counted, *freed]\n"
        "            written = self._ports.records.commit(*puts, *beside)\n"
        "            for made in deliveries(after):\n"
        "                self._ports.records.commit(made)\n",
        "After a crash in between, nobody is ever told that the job has ended.",
        ("tests/room/test_webhook.py", "tests/room/test_engine.py"),
    ),
    Mutant(
        "misfit-passed-over",
        "app/room/journal.py",
        'if (entry["k"], entry["n"], entry["i"]) != (kind, name, occurrence):',
        'if entry["k"] != kind:',
        "After a change of the code a job takes the result of one step for that of another.",
        RUN,
    ),
    Mutant(
        "journal-left-over",
        "app/room/execute.py",
        "        work.notes.journal.check_spent()\n",
        "",
        "After a change of the code a job succeeds without having heard what it did before.",
        RUN,
    ),
    Mutant(
        "step-not-saved",
        "app/room/run.py",
        "        self._notes.save()\n        return copied(value)\n",
        "        self._notes.note()\n        return copied(value)\n",
        "A step that took money is run again after a crash, though it had ended.",
        RUN,
    ),
    Mutant(
        "item-counted-too-early",
        "app/room/run.py",
        "            try:\n                yield item\n            except GeneratorExit:\n",
        '            entry["at"] += 1\n'
        "            self._notes.save()\n"
        '            entry["at"] -= 1\n'
        "            try:\n                yield item\n            except GeneratorExit:\n",
        "The item at which a worker died is passed over, and the result lacks it.",
        RUN,
    ),
    Mutant(
        "place-of-the-crashed",
        "app/room/job.py",
        "    moved = _moved(record, status, _apart(body), None)\n",
        "    moved = _moved(record, status, _apart(body) if ending.begun else body, None)\n",
        "A job whose runs all crashed keeps its place for ever: concurrency=1 stands still.",
        LANES,
    ),
    Mutant(
        "place-of-the-lost-call",
        "app/room/lane.py",
        "                if until is None or now < until\n",
        "",
        "A call whose process died keeps its place for ever, and all others are told to wait.",
        LANES,
    ),
    Mutant(
        "cancelled-and-run",
        "app/room/job.py",
        '    if record.body.get("cancel") is not None:\n'
        '        return Ending("cancelled", begun=False)\n',
        "",
        "A job that was cancelled while its worker died is begun once more.",
        ENGINE,
    ),
)

"""How calls become jobs, and what they stand on."""

from tests.mutants.mutant import Mutant

ACCEPTANCE = ("tests/room/test_engine.py", "tests/room/test_latest.py", "tests/room/test_claim.py")
FILES = (
    "tests/room/test_claim.py",
    "tests/room/test_files.py",
    "tests/room/test_files_run.py",
    "tests/room/test_files_shelf.py",
)
KEYED = ("tests/room/test_keyed.py", "tests/room/test_enter.py")

MUTANTS = (
    Mutant(
        "key-without-owner",
        "app/room/acceptance.py",
        "named = write_json([owner, one.operation, one.key])",
        "named = write_json([one.operation, one.key])",
        "Two customers who choose the same idempotency key get one job, and one reads the other's.",
        ACCEPTANCE,
    ),
    Mutant(
        "key-without-digest",
        "app/room/acceptance.py",
        "    if held not in digests:\n",
        "    if not held:\n",
        "A key that is used again by mistake for another order silently drops that order.",
        ACCEPTANCE,
    ),
    Mutant(
        "key-not-remembered",
        "app/room/acceptance.py",
        'now > known.body.get("finished", now) + job.REMEMBERED',
        'now > known.body.get("finished", now)',
        "A client that tries again after a lost answer has its order run twice.",
        ACCEPTANCE,
    ),
    Mutant(
        "rung-before-stored",
        "app/room/acceptance.py",
        "            try:\n                self._store(writes, caller.owner)\n",
        "            ring(self._registry, self._ports, made, now)\n"
        "            try:\n                self._store(writes, caller.owner)\n",
        "A worker that hears the hint first finds no job, and the hint is gone.",
        ACCEPTANCE,
    ),
    Mutant(
        "half-a-batch",
        "app/room/engine.py",
        'if "gate" not in record.body or gates.settle(record.body["gate"], record.owner):',
        'if "gate" not in record.body or gates.is_open(record.body["gate"]) is not False:',
        "Jobs of a batch that was never accepted run all the same, and again when it is sent anew.",
        ACCEPTANCE,
    ),
    Mutant(
        "named-before-written",
        "app/room/shelf.py",
        "            stored = self._files.put(key, content, type=wish.type, most=self._most)\n",
        "            import hashlib\n"
        "            import io\n"
        "            piece = content.read()\n"
        "            stored = Stored(len(piece), hashlib.sha256(piece).hexdigest())\n"
        "            made = self.arrived(made, stored)\n"
        "            self._files.put(key, io.BytesIO(piece), type=wish.type)\n"
        "            return made\n",
        "After a crash in between, a job names a file of which there are no bytes.",
        FILES,
    ),
    Mutant(
        "file-use-after-job",
        "app/room/acceptance.py",
        "            made, writes = self._drafted(submissions, caller, now, listed)\n"
        "            try:\n"
        "                self._store(writes, caller.owner)\n"
        "            except Stale:\n"
        "                continue  # another took one of the keys meanwhile: look again\n",
        "            made, writes = self._made(submissions, caller, now, listed)\n"
        "            writes += deliveries(each for each in made if not each.version)\n"
        "            try:\n"
        "                self._store(writes, caller.owner)\n"
        "            except Stale:\n"
        "                continue  # another took one of the keys meanwhile: look again\n"
        "            note_jobs(self._ports, caller.owner, _jobs_in(writes))\n",
        "A file is swept away under an accepted job that was about to read it.",
        FILES,
    ),
    Mutant(
        "file-of-a-waiting-job-swept",
        "app/room/file_uses.py",
        '    if is_gone and now < use.body["made"] + SOON:\n',
        "    if is_gone and now < 0:\n",
        "A file is deleted in the moment between an upload and the acceptance of its job.",
        FILES,
    ),
    Mutant(
        "keyed-call-held-for-ever",
        "app/room/keyed.py",
        "ports.clock.now() + within + MARGIN",
        "ports.clock.now() + within + 10 * 365 * 86400.0",
        "A plain call with a key whose process died is under way for ever, and its key with it.",
        KEYED,
    ),
    Mutant(
        "keyed-call-taken-from-under",
        "app/room/keyed.py",
        "ports.clock.now() + within + MARGIN",
        "ports.clock.now()",
        "A worker runs a plain call beside the server that is at it: the order is placed twice.",
        KEYED,
    ),
)

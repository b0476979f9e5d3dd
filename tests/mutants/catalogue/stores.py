"""What is kept, and that it is still there."""

from tests.mutants.mutant import Mutant

LOCAL = (
    "tests/ports/test_committer.py",
    "tests/ports/test_local_records.py",
    "tests/ports/test_local_power.py",
    "tests/ports/test_local_processes.py",
)
LOCAL_FILES = ("tests/ports/test_local_files.py", "tests/ports/test_local_power.py")
DYNAMO = (
    "tests/ports/test_aws_faults.py",
    "tests/ports/test_aws_records.py",
    "tests/ports/test_aws_engine.py",
)

MUTANTS = (
    Mutant(
        "acknowledged-too-early",
        "app/ports/local/committer.py",
        "            for ask in asks:\n"
        "                _apply(database, ask)\n"
        "\n"
        "        try:\n"
        "            self._write(work)\n"
        "        except BaseException as error:\n"
        "            asks = asks or self._gather()\n"
        "            stopped = not isinstance(error, Exception)"
        "  # by a signal, meant for this thread alone\n"
        "            for ask in asks:\n"
        "                ask.error = again(INTERRUPTED) if stopped else ours(error)\n"
        "            if stopped:\n"
        "                raise\n"
        "        finally:\n"
        "            self._pass_on()\n"
        "            for ask in asks:\n"
        "                ask.woken.release()\n",
        "            for ask in asks:\n"
        "                _apply(database, ask)\n"
        "            for ask in asks:\n"
        "                ask.woken.release()\n"
        "\n"
        "        try:\n"
        "            self._write(work)\n"
        "        except BaseException as error:\n"
        "            stopped = not isinstance(error, Exception)\n"
        "            for ask in asks or self._gather():\n"
        "                ask.error = again(INTERRUPTED) if stopped else ours(error)\n"
        "                if ask.woken.locked():\n"
        "                    ask.woken.release()\n"
        "            if stopped:\n"
        "                raise\n"
        "        finally:\n"
        "            self._pass_on()\n",
        "A job is acknowledged just before the disk is full or the power fails, and was never kept.",
        LOCAL,
    ),
    Mutant(
        "synchronous-normal",
        "app/ports/local/connections.py",
        '    database.execute("PRAGMA synchronous = FULL")\n',
        '    FULL = 1  # noqa: N806\n    database.execute("PRAGMA synchronous = NORMAL")\n',
        "A power cut takes every job that was acknowledged since the last checkpoint of the log.",
        LOCAL,
    ),
    Mutant(
        "lease-not-compared",
        "app/ports/local/records.py",
        "if expect not in (None, version) or lease not in (None, held):",
        "if expect not in (None, version):",
        "Whoever lost a claim can go on to write in its name.",
        LOCAL,
    ),
    Mutant(
        "commit-in-halves",
        "app/ports/local/committer.py",
        '            database.execute("ROLLBACK TO one")\n',
        "            pass\n",
        "Of a commit that is refused the first half stays: a key is taken, and has no job.",
        LOCAL,
    ),
    Mutant(
        "file-not-synced",
        "app/ports/local/arrival.py",
        "            os.fsync(file.fileno())\n            try:\n",
        "            try:\n",
        "After a power cut an upload that was confirmed is there by name, and has no bytes.",
        LOCAL_FILES,
    ),
    Mutant(
        "folder-not-synced",
        "app/ports/local/arrival.py",
        "                sync(folder)\n",
        "                pass\n",
        "After a power cut an upload that was confirmed is not there.",
        LOCAL_FILES,
    ),
    Mutant(
        "upload-not-compared",
        "app/ports/local/arrival.py",
        '        if sha256 not in ("", found):\n',
        '        if sha256 in ("", found) and not found:\n',
        "An upload that was garbled on its way is taken for whole.",
        (*LOCAL_FILES, "tests/room/test_files_shelf.py"),
    ),
    Mutant(
        "own-write-not-known",
        "app/ports/aws/commit.py",
        '        if any(items.text(found, "w") == self._token for found in refused.found.values()):\n'
        "            return True\n",
        "",
        "On DynamoDB a lost answer makes a tally count twice, or refuses a job that is stored.",
        DYNAMO,
    ),
    Mutant(
        "own-claim-not-known",
        "app/ports/aws/claims.py",
        "return items.record(found) if is_ours else None",
        "return None",
        "On DynamoDB a lost answer costs a job a lease, and one of its attempts.",
        DYNAMO,
    ),
    Mutant(
        "claimed-by-two",
        "app/ports/aws/claims.py",
        '"ConditionExpression": f"d = :seen AND p = :priority AND',
        '"ConditionExpression": f"(d = :seen OR attribute_exists(d)) AND p = :priority AND',
        "On DynamoDB two workers that look at once run the same job.",
        DYNAMO,
    ),
    Mutant(
        "version-not-compared",
        "app/ports/aws/commit.py",
        '        terms.append("v = :version")\n',
        '        terms.append("v >= :version")\n',
        "On DynamoDB whoever read before another wrote takes that away unseen.",
        DYNAMO,
    ),
    Mutant(
        "rate-of-each-process",
        "app/room/rate.py",
        "got, level = self._taken(key, back,",
        'got, level = self._taken(f"{key}/{id(self)}", back,',
        "With eight processes a key may call eight times as often as it was given.",
        ("tests/room/test_rate.py", "tests/doors/test_access_doors.py"),
    ),
    Mutant(
        "page-behind-what-it-has-not",
        "app/room/listing.py",
        "                return Page(tuple(items), cursor_after(items[-1].id))\n",
        "                return Page(tuple(items), page.next)\n",
        "Whoever walks a list of large jobs, to retry or to archive them, never sees some of them.",
        ("tests/doors/test_job_lists.py", "tests/room/test_listing.py"),
    ),
    Mutant(
        "page-without-an-end",
        "app/ports/page.py",
        "        if len(items) == limit or (items and left < 0):\n",
        "        if len(items) == limit:\n",
        "A list of two hundred large jobs is more than Lambda answers, and more than a thread has.",
        LOCAL,
    ),
    Mutant(
        "page-that-ends-the-list",
        "app/ports/page.py",
        "cursor_after(made[-1].id) if more else None",
        "cursor_after(made[-1].id) if more and len(made) > 9 else None",
        "A walk through large jobs ends at the first short page, and what is behind it is missed.",
        LOCAL,
    ),
)

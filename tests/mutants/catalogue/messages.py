"""What platforms bring, and bring again."""

from tests.mutants.mutant import Mutant

QUEUE = ("tests/handlers/test_queue.py", "tests/handlers/test_door.py")
OTHERS = ("tests/handlers/test_others.py", "tests/handlers/test_door.py")

MUTANTS = (
    Mutant(
        "poison-acknowledged",
        "handlers/door.py",
        '            log.exception("%s is to be brought again", ask.source)\n'
        "        return Came(ask, done=False)\n",
        '            log.exception("%s is to be brought again", ask.source)\n'
        "        return Came(ask)\n",
        "A message that met a store out of reach is deleted from the queue, and its job never was.",
        QUEUE,
    ),
    Mutant(
        "fifo-goes-on",
        "handlers/door.py",
        "                stopped.add(ask.line)\n",
        "                pass\n",
        "In an ordered queue the withdrawal is done though the payment before it was not.",
        QUEUE,
    ),
    Mutant(
        "trace-not-kept",
        "handlers/door.py",
        "        self._keep(ask, problem, call.operation)\n        return True\n",
        "        return True\n",
        "A message that no operation takes vanishes, and nobody can find out what it said.",
        QUEUE,
    ),
    Mutant(
        "message-without-key",
        "app/room/message.py",
        "        key=key,\n        asynchronous=True,\n",
        "        asynchronous=True,\n",
        "A message that the queue brings twice is done twice.",
        QUEUE,
    ),
    Mutant(
        "upload-key-as-it-came",
        "handlers/upload.py",
        'key = unquote_plus(put["key"])',
        'key = put["key"]',
        "An upload with a space or an umlaut in its name cannot be found, and is never worked on.",
        OTHERS,
    ),
    Mutant(
        "upload-without-version",
        "handlers/upload.py",
        """id = sayable(f"{facts['bucket']}/{facts['key']} {_which(record, facts)}")""",
        """id = sayable(f"{facts['bucket']}/{facts['key']}")""",
        "A file that is uploaded again under its name is not worked on again.",
        OTHERS,
    ),
    Mutant(
        "shard-goes-on",
        "handlers/stream.py",
        '    return Ask(what, change["SequenceNumber"], message.raw, f"stream:{table}", SHARD, since)\n',
        '    return Ask(what, change["SequenceNumber"], message.raw, f"stream:{table}", None, since)\n',
        "Of a row's changes the later is done before the earlier, whose failure held that up.",
        OTHERS,
    ),
    Mutant(
        "stranger-acknowledged",
        "handlers/door.py",
        "                if known and one is not None and one[0] is not door:\n",
        "                if known and one is not None and one[0] is door:\n",
        "An event that two doors know is taken by the wrong one, and acknowledged.",
        OTHERS,
    ),
)

"""Python runs this before all else where its folder is on the path: the time of day of this
process is the machine's, with as many seconds added as a file that all such processes share says.
"""

import mmap
import os
import struct
import time

NANO = 10**9


def bend(path: str) -> None:
    with open(path, "rb") as file:
        shared = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
    read, true, true_ns = struct.Struct("=d").unpack_from, time.time, time.time_ns
    time.time = lambda: true() + read(shared)[0]
    time.time_ns = lambda: true_ns() + int(read(shared)[0] * NANO)


if "TORTURE_SKEW" in os.environ:
    bend(os.environ["TORTURE_SKEW"])

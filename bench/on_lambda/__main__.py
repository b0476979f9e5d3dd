"""Calls one handler as often as it is told, and tells the CPU time: for bench.warm.

python -m bench.on_lambda MODULE, then a line with the event, then lines with numbers of calls.
"""

import importlib
import json
import sys
import time

from bench.on_lambda.events import SAYS


class Context:
    """What of Lambda's is asked for."""

    function_name = "bench"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bench"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def main() -> None:
    told, sys.stdout = sys.stdout, sys.stderr  # Zappa prints
    handle = importlib.import_module(sys.argv[1]).handle
    event, context = json.loads(sys.stdin.readline()), Context()
    answer = handle(event, context)
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"]) == {"says": SAYS}, answer
    for line in sys.stdin:
        calls = int(line)
        began = time.process_time()
        for _ in range(calls):
            answer = handle(event, context)
        assert answer["statusCode"] == 200, answer
        print((time.process_time() - began) / calls, file=told, flush=True)


if __name__ == "__main__":
    main()

"""Hints in an SQS queue, whose messages start a function; what they mean is `handlers.message`'s.

One message is one job. A job costs three requests of SQS at most: its sending, and what Lambda
needs to receive and to delete it; of jobs that are rung for together ten cost as much as one.
"""

import logging

MOST = 10  # messages in one request
LONGEST = 900  # seconds that SQS holds a message back

log = logging.getLogger("manydoors.queue")

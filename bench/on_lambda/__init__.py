"""One validated call behind each thing that makes a handler of a program: `handle(event, context)`.

POST {"name": "Tom", "times": 2}: name a required string, times an integer from 1 to 100, else 1.
bench.cold and bench.warm bring it to them by the same event of API Gateway.
"""

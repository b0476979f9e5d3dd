"""The real service under faults, judged from outside: python -m tests.torture --seconds 180"""

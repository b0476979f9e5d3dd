"""A scripted life of jobs, broken at each of its writes: python -m tests.crash"""

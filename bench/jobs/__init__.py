"""The job engine beside its peers and beside raw SQLite: python -m bench.jobs"""

"""Backups of the embedded store: made while the service runs, and put back on a quiet folder."""

"""What Zappa is told, and calls, when a stage is deployed. Nothing of it is in the package.

Zappa loads these modules by their files and without this folder on Python's path: they import
the standard library alone.
"""

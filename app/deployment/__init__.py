"""How a stage comes to be on AWS, and whether it is well. Nothing of it is in the package.

Zappa loads the modules of its callbacks by their files and without the checkout on Python's path:
they import the standard library alone, the rest inside functions.
"""

"""How a stage comes to be on AWS, and whether it is well: what a person's machine does about it.

Nothing here runs in the service.
"""

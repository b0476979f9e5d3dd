"""`up`: one process that starts the parts of the service, and starts again whichever dies."""

"""What a user may have written."""

raise ZeroDivisionError("on import")

"""What goes in and out of an operation: from type hints or marshmallow, strict both ways."""

"""The embedded platform: SQLite and a folder, and nothing to install."""

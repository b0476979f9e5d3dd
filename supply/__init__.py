"""What the program is made of: a bill of materials from the locks, and what is known against it."""

"""What a person at a terminal sees: bars, tables, pages. Pure, but for `screens`."""

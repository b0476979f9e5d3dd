"""SQL over one file, by DuckDB in a process of its own that can reach nothing else."""

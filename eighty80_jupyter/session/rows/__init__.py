"""What a session does with rows: runs, their operations, comparisons, functions for engines."""

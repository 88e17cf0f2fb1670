"""What a prompt over rows is good for besides a column: to filter, to sum up, to link rows."""

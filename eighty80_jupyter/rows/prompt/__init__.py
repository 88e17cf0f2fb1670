"""The prompt of a row: cut up once, filled for each row, and what is asked with it."""

"""What rows are made of: frames of any library, and columns of answers."""

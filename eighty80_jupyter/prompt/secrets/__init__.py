"""What must not leave the machine: found, and taken out."""

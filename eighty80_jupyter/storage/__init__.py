"""What outlives a kernel: files, the journal, recovery."""

"""What stands instead of a prompt, or beside one."""

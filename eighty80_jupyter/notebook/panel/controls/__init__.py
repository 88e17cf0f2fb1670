"""What is set beside the panel's transcript: parameters, tools, live mode."""

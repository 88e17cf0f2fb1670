"""Live answers and variants side by side, without widgets."""

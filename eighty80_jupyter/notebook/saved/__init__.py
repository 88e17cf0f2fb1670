"""What a saved notebook holds: metadata, exports, and the way back."""

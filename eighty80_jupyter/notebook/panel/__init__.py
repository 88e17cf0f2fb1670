"""Everything that is a widget."""

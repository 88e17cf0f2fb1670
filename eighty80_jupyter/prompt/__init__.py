"""From the text of a cell to what is sent."""

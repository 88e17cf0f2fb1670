"""From a cell to a request, and from a request to its answer."""

"""Servers of the Model Context Protocol, whose tools a model can call. Imported by the first."""

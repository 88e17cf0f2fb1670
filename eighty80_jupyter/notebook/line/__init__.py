"""The language of the %chat line: options, parser, manual, completion."""

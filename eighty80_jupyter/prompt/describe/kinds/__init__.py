"""Values described in ways of their own: arrays, code, exceptions, figures, estimators."""

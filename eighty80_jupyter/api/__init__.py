"""The 8080 API: messages, parameters, server-sent events, the client. Nothing of Jupyter."""

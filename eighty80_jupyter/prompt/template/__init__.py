"""The text of a prompt with {{fields}}: parsed, evaluated, composed."""

"""What runs inside AWS Lambda. Every module named by a handler string ships in the one handlers' asset."""

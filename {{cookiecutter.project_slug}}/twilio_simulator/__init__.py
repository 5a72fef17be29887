"""Twilio on this machine: REST API, TwiML, signed webhooks, scripted callers. Knows nothing of Django or of the app."""

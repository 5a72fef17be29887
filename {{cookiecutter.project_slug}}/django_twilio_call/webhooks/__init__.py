"""Doors for Twilio: signature, one transaction, one service call, TwiML. Never an error page for a caller."""

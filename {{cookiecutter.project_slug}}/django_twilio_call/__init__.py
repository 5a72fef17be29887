"""A call center on Django and Twilio."""

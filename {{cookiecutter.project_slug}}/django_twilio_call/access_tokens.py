"""What a browser's phone signs in to Twilio with."""

from __future__ import annotations

from typing import Final

from .conf import get_config
from .exceptions import TelephonyError

TOKEN_SECONDS: Final = 3600


def access_token(*, identity: str) -> str:
    """What a browser's phone signs in with, for an hour: it may call our TwiML App and nothing else.

    Raises `TelephonyError` naming what this deploy has not set.
    """
    from twilio.jwt.access_token import AccessToken
    from twilio.jwt.access_token.grants import VoiceGrant

    config = get_config()
    wanted = {
        "TWILIO_API_KEY": config.twilio_api_key,
        "TWILIO_API_SECRET": config.twilio_api_secret,
        "TWILIO_TWIML_APP_SID": config.twilio_twiml_app_sid,
    }
    if missing := [name for name, value in wanted.items() if not value]:
        raise TelephonyError(f"a phone needs {', '.join(missing)}; `manage.py twilio setup` makes them")
    token = AccessToken(
        config.twilio_account_sid,
        config.twilio_api_key,
        config.twilio_api_secret,
        identity=identity,
        ttl=TOKEN_SECONDS,
        region=config.twilio_region or None,
    )
    token.add_grant(VoiceGrant(outgoing_application_sid=config.twilio_twiml_app_sid, incoming_allow=True))
    return str(token.to_jwt())

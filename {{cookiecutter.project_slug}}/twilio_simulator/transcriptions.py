"""Transcriptions: of calls while they last, and of recordings. What is heard is what callers are made to say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from .account import Account
from .calls import Call, Callback, rfc2822
from .clock import Clock
from .recordings import API, Recording

CONFIDENCE: Final = "0.9"


@dataclass(eq=False, slots=True)
class LiveTranscription:
    """A call is listened to."""

    sid: str
    call_sid: str
    name: str
    callback: Callback
    track: str
    language: str
    live: bool = True
    sequence: int = 0
    updated: float = 0.0


@dataclass(eq=False, slots=True)
class Transcription:
    """What was said in a recording."""

    sid: str
    recording: Recording
    created: float


class Transcriptions:
    """All of an account. `send` delivers a callback that nobody waits for."""

    def __init__(self, account: Account, send: Callable[[Callback, Mapping[str, str]], None], clock: Clock) -> None:
        self._account = account
        self._send = send
        self._clock = clock
        self.live: dict[str, LiveTranscription] = {}
        self.kept: dict[str, Transcription] = {}

    def start(self, call: Call, callback: Callback, *, name: str, track: str, language: str) -> LiveTranscription:
        """Listen to a call from now on."""
        made = LiveTranscription(self._account.new_sid("GT"), call.sid, name, callback, track, language)
        self.live[made.sid] = made
        self._tell(made, "transcription-started")
        return made

    def of_call(self, call: Call, name: str = "") -> list[LiveTranscription]:
        """Those that listen to a call, or the one of this name that does."""
        return [each for each in self.live.values() if each.call_sid == call.sid and name in ("", each.name)]

    def hear(self, call: Call, text: str) -> None:
        """Somebody said something."""
        for each in self.of_call(call):
            said = json.dumps({"transcript": text, "confidence": float(CONFIDENCE)})
            self._tell(each, "transcription-content", TranscriptionData=said, Track="inbound_track", Final="true")

    def stop(self, transcription: LiveTranscription) -> None:
        """Listen no more."""
        transcription.live = False
        del self.live[transcription.sid]
        self._tell(transcription, "transcription-stopped")

    def stop_all(self, call: Call) -> None:
        """A call has ended."""
        for each in self.of_call(call):
            self.stop(each)

    def write(self, recording: Recording, callback: Callback) -> None:
        """Transcribe a recording, and tell the app."""
        made = Transcription(self._account.new_sid("TR"), recording, self._clock.time())
        self.kept[made.sid] = made
        where = f"{API}/2010-04-01/Accounts/{self._account.sid}"
        if callback.url:
            about = {
                "AccountSid": self._account.sid,
                "CallSid": recording.call_sid,
                "TranscriptionSid": made.sid,
                "TranscriptionText": recording.said,
                "TranscriptionStatus": "completed",
                "TranscriptionType": "fast",
                "TranscriptionUrl": f"{where}/Transcriptions/{made.sid}",
                "RecordingSid": recording.sid,
                "RecordingUrl": f"{where}/Recordings/{recording.sid}",
            }
            self._send(callback, about)

    def _tell(self, transcription: LiveTranscription, event: str, **details: str) -> None:
        transcription.sequence += 1
        transcription.updated = self._clock.time()
        if transcription.callback.url:
            about = {
                "AccountSid": self._account.sid,
                "CallSid": transcription.call_sid,
                "TranscriptionSid": transcription.sid,
                "TranscriptionEvent": event,
                "SequenceId": str(transcription.sequence),
                "LanguageCode": transcription.language,
                "Timestamp": rfc2822(self._clock.time()),
            }
            self._send(transcription.callback, {**about, **details})

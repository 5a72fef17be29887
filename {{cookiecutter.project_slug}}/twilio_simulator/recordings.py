"""Recordings of calls and conferences: begun, paused, ended, kept until deleted, and what the app is told of them."""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from .account import Account
from .calls import Call, Callback, rfc2822
from .clock import Clock
from .members import Conference

API: Final = "https://api.twilio.com"
RATE: Final = 8000
LONGEST: Final = 600
"""Seconds of a sound file at most: longer recordings have the right duration and a shorter sound."""

MP3_FRAME: Final = b"\xff\xf3\x18\xc0" + bytes(32)
"""36 ms of silence: MPEG-2 layer III, 8 kbit/s, 16 kHz, mono, an empty granule."""

State = Literal["in-progress", "paused", "completed", "absent"]


@dataclass(eq=False, slots=True)
class Recording:
    """`seconds` are those that were recorded until it was last paused; `since` is when it went on."""

    sid: str
    call_sid: str
    conference_sid: str
    source: str
    channels: int
    track: str
    callback: Callback
    started: float
    since: float
    status: State = "in-progress"
    seconds: float = 0.0
    updated: float = 0.0
    said: str = ""
    """What was spoken, for a transcription."""

    @property
    def live(self) -> bool:
        """Whether it can be paused and stopped."""
        return self.status in ("in-progress", "paused")

    @property
    def duration(self) -> int:
        """Whole seconds."""
        return math.ceil(self.seconds)

    def wav(self) -> bytes:
        """Something to play, as long as it was: a soft tone, mono, 8 kHz, 8 bits."""
        pitch = 300 + int(self.sid[-2:], 16)
        second = bytes(128 + int(20 * math.sin(2 * math.pi * pitch * each / RATE)) for each in range(RATE))
        sound = io.BytesIO()
        with wave.open(sound, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(1)
            file.setframerate(RATE)
            file.writeframes(second * min(self.duration, LONGEST))
        return sound.getvalue()

    def mp3(self) -> bytes:
        """The same length of silence."""
        return MP3_FRAME * math.ceil(min(self.duration, LONGEST) / 0.036)


class Recordings:
    """All of an account. `send` delivers a callback that nobody waits for."""

    def __init__(self, account: Account, send: Callable[[Callback, Mapping[str, str]], None], clock: Clock) -> None:
        self._account = account
        self._send = send
        self._clock = clock
        self.kept: dict[str, Recording] = {}
        self._live: dict[str, Recording] = {}

    def of_call(self, sid: str) -> list[Recording]:
        """Newest first, so that the first live one is the current one."""
        return [each for each in reversed(self.kept.values()) if each.call_sid == sid]

    def of_conference(self, sid: str) -> list[Recording]:
        """Newest first."""
        return [each for each in reversed(self.kept.values()) if each.conference_sid == sid]

    def start(
        self, of: Call | Conference, source: str, callback: Callback, *, channels: int = 1, track: str = "both"
    ) -> Recording:
        """Record a call or a conference from now on."""
        now = self._clock.time()
        call_sid, conference_sid = (of.sid, "") if isinstance(of, Call) else (next(iter(of.members)).sid, of.sid)
        made = Recording(
            self._account.new_sid("RE"), call_sid, conference_sid, source, channels, track, callback, now, now
        )
        made.updated = now
        self.kept[made.sid] = self._live[made.sid] = made
        self._tell(made)
        return made

    def pause(self, recording: Recording, *, skip: bool) -> None:
        """Record nothing; or, unless that time is to be skipped, silence."""
        if recording.status == "in-progress":
            if skip:
                recording.seconds += self._clock.time() - recording.since
                recording.since = math.inf
            self._becomes(recording, "paused")

    def resume(self, recording: Recording) -> None:
        """Go on after a pause."""
        if recording.status == "paused":
            recording.since = min(recording.since, self._clock.time())
            self._becomes(recording, "in-progress")

    def stop(self, recording: Recording) -> None:
        """End it; the file is there at once. Without a moment of sound there is none."""
        if recording.live:
            del self._live[recording.sid]
            recording.seconds += max(self._clock.time() - recording.since, 0)
            self._becomes(recording, "completed" if recording.seconds else "absent")

    def stop_all(self, of: Call | Conference) -> None:
        """End those of a call or a conference that are live."""
        for each in tuple(self._live.values()):
            if of.sid == (each.call_sid if isinstance(of, Call) and not each.conference_sid else each.conference_sid):
                self.stop(each)

    def url(self, recording: Recording) -> str:
        """Where its sound is: as WAV, or with `.mp3` behind it. As with all of the API, here it is another host."""
        return f"{API}/2010-04-01/Accounts/{self._account.sid}/Recordings/{recording.sid}"

    def about(self, recording: Recording) -> dict[str, str]:
        """What callbacks and actions say of it."""
        return {
            "RecordingSid": recording.sid,
            "RecordingUrl": self.url(recording),
            "RecordingDuration": str(recording.duration),
        }

    def _becomes(self, recording: Recording, status: State) -> None:
        recording.status, recording.updated = status, self._clock.time()
        self._tell(recording)

    def _tell(self, recording: Recording) -> None:
        if not recording.callback.wants(recording.status):
            return
        where = {"ConferenceSid": recording.conference_sid} if recording.conference_sid else {}
        self._send(
            recording.callback,
            {
                "AccountSid": self._account.sid,
                "CallSid": recording.call_sid,
                **where,
                **self.about(recording),
                "RecordingStatus": recording.status,
                "RecordingChannels": str(recording.channels),
                "RecordingSource": recording.source,
                "RecordingTrack": recording.track,
                "RecordingStartTime": rfc2822(recording.started),
                "ErrorCode": "0",
            },
        )

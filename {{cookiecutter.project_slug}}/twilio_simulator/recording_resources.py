"""Recordings over REST, with their sound, and the transcriptions of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from . import shapes
from .http import Reply, Request
from .recordings import Recording
from .resources import SID, RefusedRequest, Resources, Route, callback_of, filtered, in_span, not_found

WHICH: Final = r"(RE[0-9a-f]{32}|Twilio\.CURRENT)"
RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


class RecordingResources(Resources):
    """`Recordings`: of the account, of a call, of a conference."""

    @property
    def routes(self) -> Sequence[Route]:
        """What is answered."""
        of = f"(Calls|Conferences)/{SID}/Recordings"
        return (
            ("GET", "Recordings", self._list),
            ("GET", f"Recordings/{SID}", self._fetch),
            ("GET", rf"Recordings/{SID}\.(wav|mp3)", self._sound),
            ("DELETE", f"Recordings/{SID}", self._delete),
            ("GET", of, self._list_of),
            ("POST", of, self._start),
            ("GET", f"{of}/{SID}", self._fetch_of),
            ("POST", f"{of}/{WHICH}", self._update),
            ("DELETE", f"{of}/{SID}", self._delete_of),
        )

    def _list(self, request: Request) -> Reply:
        return self._page(list(reversed(self.exchange.recordings.kept.values())), request, "")

    def _list_of(self, request: Request, kind: str, sid: str) -> Reply:
        return self._page(self._of(kind, sid), request, f"{kind}/{sid}/")

    def _page(self, recordings: list[Recording], request: Request, within: str) -> Reply:
        shown = [self._shown(each, within) for each in recordings if in_span(each.started, request, "DateCreated")]
        return self.page(
            "recordings", filtered(shown, request, {"call_sid": "CallSid", "conference_sid": "ConferenceSid"}), request
        )

    def _fetch(self, request: Request, sid: str) -> Reply:
        """The resource; without `.json` the sound, as a link in a callback has it."""
        if not request.path.endswith(".json"):
            return self._sound(request, sid, "wav")
        return Reply(200, self._shown(self._recording(sid)))

    def _fetch_of(self, _: Request, kind: str, parent: str, sid: str) -> Reply:
        return Reply(200, self._shown(self._recording(sid, self._of(kind, parent)), f"{kind}/{parent}/"))

    def _sound(self, request: Request, sid: str, kind: str) -> Reply:
        recording = self._recording(sid)
        if recording.live or recording.status == "absent":
            raise not_found(f"the sound of recording {sid}, which is {recording.status}")
        content, form = (recording.mp3(), "audio/mpeg") if kind == "mp3" else (recording.wav(), "audio/x-wav")
        return _part(content, {"Content-Type": form, "Accept-Ranges": "bytes"}, request.headers.get("range", ""))

    def _start(self, request: Request, kind: str, sid: str) -> Reply:
        call = self.exchange.calls.get(sid)
        if kind != "Calls" or call is None:
            raise not_found(request.path)
        if not call.live or call.answered is None:
            raise RefusedRequest(400, 21220, "Requested resource is not eligible for recording")
        channels = 2 if request.fields.get("RecordingChannels") in ("dual", "2") else 1
        track, callback = request.fields.get("RecordingTrack", "both"), callback_of(request, "RecordingStatusCallback")
        made = self.exchange.recordings.start(call, "StartCallRecordingAPI", callback, channels=channels, track=track)
        return Reply(201, self._shown(made, f"{kind}/{sid}/"))

    def _update(self, request: Request, kind: str, parent: str, sid: str) -> Reply:
        recordings = self.exchange.recordings
        of = self._of(kind, parent)
        if sid == "Twilio.CURRENT":
            of = [each for each in of if each.live]
            sid = of[0].sid if of else sid
        recording = self._recording(sid, of)
        status, behavior = request.fields.get("Status", ""), request.fields.get("PauseBehavior", "silence")
        if status not in ("paused", "in-progress", "stopped") or behavior not in ("skip", "silence"):
            raise RefusedRequest(
                400, 20001, "Status must be in-progress, paused or stopped; PauseBehavior skip or silence"
            )
        if not recording.live:
            raise RefusedRequest(400, 21220, f"recording {sid} is {recording.status}")
        if status == "paused":
            recordings.pause(recording, skip=behavior == "skip")
        elif status == "in-progress":
            recordings.resume(recording)
        else:
            recordings.stop(recording)
        shown = self._shown(recording, f"{kind}/{parent}/")
        return Reply(200, {**shown, "status": "stopped"} if status == "stopped" else shown)

    def _delete(self, _: Request, sid: str) -> Reply:
        del self.exchange.recordings.kept[self._recording(sid).sid]
        return Reply(204)

    def _delete_of(self, request: Request, kind: str, parent: str, sid: str) -> Reply:
        return self._delete(request, self._recording(sid, self._of(kind, parent)).sid)

    def _shown(self, recording: Recording, within: str = "") -> shapes.Json:
        return shapes.recording(recording, self.account, self.exchange.recordings.url(recording), within)

    def _of(self, kind: str, sid: str) -> list[Recording]:
        recordings = self.exchange.recordings
        return recordings.of_call(sid) if kind == "Calls" else recordings.of_conference(sid)

    def _recording(self, sid: str, among: Sequence[Recording] | None = None) -> Recording:
        recording = self.exchange.recordings.kept.get(sid)
        if recording is None or (among is not None and recording not in among):
            raise not_found(f"Recording {sid}")
        return recording


def _part(content: bytes, headers: Mapping[str, str], wanted: str) -> Reply:
    """All of it, or the range of bytes that was asked for."""
    found = RANGE.fullmatch(wanted)
    if found is None or not any(found.groups()):
        return Reply(200, content, headers)
    first, last = found.groups()
    size = len(content)
    begin = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if begin > end:
        return Reply(416, b"", {**headers, "Content-Range": f"bytes */{size}"})
    return Reply(206, content[begin : end + 1], {**headers, "Content-Range": f"bytes {begin}-{end}/{size}"})

"""Transcriptions over REST, of calls and of recordings; and the numbers that may be shown to those who are called."""

from __future__ import annotations

from collections.abc import Sequence

from . import shapes
from .calls import Callback
from .http import Reply, Request
from .resources import SID, RefusedRequest, Resources, Route, checked, filtered, method_of, not_found
from .transcriptions import Transcription


class TranscriptionResources(Resources):
    """`Transcriptions`: of the account, of a recording, of a call while it lasts; and `OutgoingCallerIds`."""

    @property
    def routes(self) -> Sequence[Route]:
        """What is answered."""
        return (
            ("GET", "Transcriptions", self._list),
            ("GET", f"Transcriptions/{SID}", self._fetch),
            ("DELETE", f"Transcriptions/{SID}", self._delete),
            ("GET", f"Recordings/{SID}/Transcriptions", self._list_of),
            ("GET", f"Recordings/{SID}/Transcriptions/{SID}", self._fetch_of),
            ("DELETE", f"Recordings/{SID}/Transcriptions/{SID}", self._delete_of),
            ("POST", f"Calls/{SID}/Transcriptions", self._start),
            ("POST", f"Calls/{SID}/Transcriptions/(\\S+)", self._stop),
            ("GET", "OutgoingCallerIds", self._caller_ids),
            ("GET", f"OutgoingCallerIds/{SID}", self._caller_id),
        )

    def _list(self, request: Request) -> Reply:
        shown = [self._shown(each) for each in reversed(self.exchange.transcriptions.kept.values())]
        return self.page("transcriptions", shown, request)

    def _list_of(self, request: Request, recording: str) -> Reply:
        kept = self.exchange.transcriptions.kept.values()
        return self.page(
            "transcriptions", [self._shown(each) for each in kept if each.recording.sid == recording], request
        )

    def _fetch(self, _: Request, sid: str) -> Reply:
        return Reply(200, self._shown(self._transcription(sid)))

    def _fetch_of(self, _: Request, recording: str, sid: str) -> Reply:
        return Reply(200, self._shown(self._transcription(sid, recording)))

    def _delete(self, _: Request, sid: str) -> Reply:
        del self.exchange.transcriptions.kept[self._transcription(sid).sid]
        return Reply(204)

    def _delete_of(self, request: Request, recording: str, sid: str) -> Reply:
        return self._delete(request, self._transcription(sid, recording).sid)

    def _start(self, request: Request, sid: str) -> Reply:
        fields, call = request.fields, self.exchange.calls.get(sid)
        if call is None:
            raise not_found(f"Call {sid}")
        if not call.live or call.answered is None:
            raise RefusedRequest(400, 21220, f"Call {sid} is not in-progress: there is nothing to hear")
        url = fields.get("StatusCallbackUrl", "")
        callback = Callback(
            checked(url, "StatusCallbackUrl") if url else "", method_of(request, "StatusCallbackMethod")
        )
        made = self.exchange.transcriptions.start(
            call,
            callback,
            name=fields.get("Name", ""),
            track=fields.get("Track", "both_tracks"),
            language=fields.get("LanguageCode", "en-US"),
        )
        return Reply(201, shapes.live_transcription(made, self.account))

    def _stop(self, request: Request, call_sid: str, which: str) -> Reply:
        if request.fields.get("Status") != "stopped":
            raise RefusedRequest(400, 20001, "Status must be stopped")
        for each in tuple(self.exchange.transcriptions.live.values()):
            if each.call_sid == call_sid and which in (each.sid, each.name):
                self.exchange.transcriptions.stop(each)
                return Reply(200, shapes.live_transcription(each, self.account))
        raise not_found(f"Transcription {which}")

    def _transcription(self, sid: str, recording: str = "") -> Transcription:
        found = self.exchange.transcriptions.kept.get(sid)
        if found is None or recording not in ("", found.recording.sid):
            raise not_found(f"Transcription {sid}")
        return found

    def _shown(self, of: Transcription) -> shapes.Json:
        return shapes.transcription(of, self.account)

    def _caller_ids(self, request: Request) -> Reply:
        names = {"phone_number": "PhoneNumber", "friendly_name": "FriendlyName"}
        shown = [shapes.caller_id(self.exchange.account)]
        return self.page("outgoing_caller_ids", filtered(shown, request, names), request)

    def _caller_id(self, _: Request, sid: str) -> Reply:
        shown = shapes.caller_id(self.exchange.account)
        if shown["sid"] != sid:
            raise not_found(f"OutgoingCallerId {sid}")
        return Reply(200, shown)

"""The pages, the fragments that keep them live, and what an agent does at the desk."""

from __future__ import annotations

from django.urls import path

from . import desk, operations, recordings, records, reports, supervise, wallboard

app_name = "console"

urlpatterns = [
    path("", wallboard.page, name="wallboard"),
    path("live/", wallboard.live, name="wallboard-live"),
    path("reports/", reports.page, name="reports"),
    path("reports/<slug:table>.csv", reports.download, name="reports-download"),
    path("operations/", operations.page, name="operations"),
    path("operations/live/", operations.live, name="operations-live"),
    path("desk/", desk.page, name="desk"),
    path("desk/live/", desk.live, name="desk-live"),
    path("desk/state/", desk.choose_state, name="desk-state"),
    path("desk/accept/<int:reservation_id>/", desk.accept, name="desk-accept"),
    path("desk/decline/<int:reservation_id>/", desk.decline, name="desk-decline"),
    path("desk/recording/", recordings.live, name="recording"),
    path("desk/recording/pause/", recordings.pause, name="recording-pause"),
    path("recordings/<str:sid>/", recordings.sound, name="sound"),
    path("voicemail/", recordings.inbox, name="inbox"),
    path("voicemail/<int:voicemail_id>/handled/", recordings.handle, name="handle"),
    path("calls/", records.history, name="history"),
    path("calls/<str:call_sid>/", records.call, name="call"),
    path("flows/", records.flows, name="flows"),
    path("audit/", records.audit, name="audit"),
    path("calls/<str:call_sid>/hold/", recordings.hold, name="hold"),
    path("desk/outcome/", desk.outcome, name="desk-outcome"),
    path("desk/note/", desk.note, name="desk-note"),
    path("desk/hangup/", desk.hang_up, name="desk-hangup"),
    path("desk/hold/", desk.hold, name="desk-hold"),
    path("desk/mute/", desk.mute, name="desk-mute"),
    path("desk/transfer/", desk.transfer, name="desk-transfer"),
    path("desk/transfer/ways/", desk.ways, name="desk-ways"),
    path("desk/complete/", desk.complete, name="desk-complete"),
    path("desk/take-back/", desk.take_back, name="desk-take-back"),
    path("desk/presence/", desk.presence, name="desk-presence"),
    path("desk/token/", desk.token, name="desk-token"),
    path("supervise/live/", supervise.live, name="supervise-live"),
    path("supervise/listen/<int:agent_id>/", supervise.listen, name="supervise-listen"),
    path("supervise/mode/", supervise.mode, name="supervise-mode"),
    path("supervise/leave/", supervise.leave, name="supervise-leave"),
    path("supervise/token/", supervise.token, name="supervise-token"),
]

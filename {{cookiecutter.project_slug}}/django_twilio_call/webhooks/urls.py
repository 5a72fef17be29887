"""Paths of the webhooks, below `/twilio/`."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from . import conference_views, queue_views, views

app_name = "twilio"

urlpatterns = [
    path("voice/", views.VoiceWebhook.as_view(), name="voice"),
    path("gather/", views.GatherWebhook.as_view(), name="gather"),
    path("ivr/", views.IVRWebhook.as_view(), name="ivr"),
    path("wait/", queue_views.WaitWebhook.as_view(), name="wait"),
    path("ask/", queue_views.AskWebhook.as_view(), name="ask"),
    path("consent/", queue_views.ConsentWebhook.as_view(), name="consent"),
    path("conversation/", queue_views.ConversationWebhook.as_view(), name="conversation"),
    path("queue/", queue_views.QueueWebhook.as_view(), name="queue"),
    path("onward/", queue_views.OnwardWebhook.as_view(), name="onward"),
    path("recorded/", queue_views.RecordedWebhook.as_view(), name="recorded"),
    path("recording/", queue_views.RecordingWebhook.as_view(), name="recording"),
    path("transcription/", queue_views.TranscriptionWebhook.as_view(), name="transcription"),
    path("connect/", views.ConnectWebhook.as_view(), name="connect"),
    path("agent/", views.AgentWebhook.as_view(), name="agent"),
    path("conference/", conference_views.ConferenceWebhook.as_view(), name="conference"),
    path("transfer/", conference_views.TransferWebhook.as_view(), name="transfer"),
    path("outside/", conference_views.OutsideWebhook.as_view(), name="outside"),
    path("outside-ended/", conference_views.OutsideEndedWebhook.as_view(), name="outside-ended"),
    path("outside-status/", conference_views.OutsideStatusWebhook.as_view(), name="outside-status"),
    path("status/", views.StatusWebhook.as_view(), name="status"),
    path("probe/", views.ProbeWebhook.as_view(), name="probe"),
    path("fallback/", csrf_exempt(views.fallback), name="fallback"),
]

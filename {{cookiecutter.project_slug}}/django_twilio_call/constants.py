"""Words and figures that everything else is said in: groups of names, no behaviour.

Times are seconds unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final


class CacheTimeouts:
    """How long answers stay in the cache: by length, and by what is cached."""

    VERY_SHORT: Final = 60
    SHORT: Final = 300
    MEDIUM: Final = 600
    STANDARD: Final = 1800
    LONG: Final = 3600
    VERY_LONG: Final = 7200
    EXTENDED: Final = 14400
    DAILY: Final = 86400

    AGENT_STATUS: Final = 300
    CALL_ANALYTICS: Final = 600
    QUEUE_METRICS: Final = 180
    IVR_FLOWS: Final = 3600
    RECORDING_URLS: Final = 1800
    CONFERENCE_DATA: Final = 600
    ROUTING_RULES: Final = 1800


class CacheKeyPrefixes:
    """First part of a cache key: what it is about."""

    AGENT: Final = "agent"
    CALL: Final = "call"
    QUEUE: Final = "queue"
    ANALYTICS: Final = "analytics"
    METRICS: Final = "metrics"
    IVR: Final = "ivr"
    RECORDING: Final = "recording"
    CONFERENCE: Final = "conference"
    ROUTING: Final = "routing"
    REPORTING: Final = "reporting"
    WEBHOOK: Final = "webhook"
    CALL_ANALYTICS: Final = "call_analytics"
    QUEUE_ANALYTICS: Final = "queue_analytics"
    AGENT_PERFORMANCE: Final = "agent_performance"


class RetryConfig:
    """How often, and how far apart, a failed operation is tried again."""

    DEFAULT_MAX_RETRIES: Final = 3
    DEFAULT_BASE_DELAY: Final = 60
    DEFAULT_MAX_DELAY: Final = 3600
    DEFAULT_BACKOFF_MULTIPLIER: Final = 2
    CONNECTION_MAX_RETRIES: Final = 5
    CONNECTION_BASE_DELAY: Final = 60
    CONNECTION_MAX_DELAY: Final = 3600
    TIMEOUT_BASE_DELAY: Final = 120
    TIMEOUT_MAX_DELAY: Final = 1800
    TIMEOUT_MULTIPLIER: Final = 1.5
    RATE_LIMIT_BASE_DELAY: Final = 60
    RATE_LIMIT_MAX_DELAY: Final = 3600
    RATE_LIMIT_MULTIPLIER: Final = 2
    DATABASE_MAX_RETRIES: Final = 3
    DATABASE_BASE_DELAY: Final = 30
    DATABASE_MAX_DELAY: Final = 300
    WEBHOOK_MAX_RETRIES: Final = 3
    WEBHOOK_BASE_DELAY: Final = 60
    WEBHOOK_DELAYS: Final = [60, 120, 240]
    # Commands to Twilio: a caller is waiting, so much sooner than the others.
    OUTBOX_MAX_RETRIES: Final = 6
    OUTBOX_BASE_DELAY: Final = 1
    OUTBOX_MAX_DELAY: Final = 30
    # One request to Twilio, within its time-out: longer waits are for rows, never for a request.
    REQUEST_MAX_RETRIES: Final = 2
    REQUEST_BASE_DELAY: Final = 1
    REQUEST_MAX_DELAY: Final = 5


class CircuitBreakerConfig:
    """When a thing that keeps failing is left alone, and for how long."""

    DEFAULT_FAILURE_THRESHOLD: Final = 5
    DEFAULT_RECOVERY_TIMEOUT: Final = 300
    HALF_OPEN_TIMEOUT: Final = 60
    TWILIO_API_THRESHOLD: Final = 5
    # Callers are waiting, so Twilio is asked again much sooner than others are.
    TWILIO_API_RECOVERY: Final = 10
    DATABASE_THRESHOLD: Final = 3
    EXTERNAL_SERVICE_THRESHOLD: Final = 5


class TimeIntervals:
    """Lengths of time, and how often regular work is done."""

    MINUTE: Final = 60
    FIVE_MINUTES: Final = 300
    TEN_MINUTES: Final = 600
    FIFTEEN_MINUTES: Final = 900
    THIRTY_MINUTES: Final = 1800
    HOUR: Final = 3600
    TWO_HOURS: Final = 7200
    FOUR_HOURS: Final = 14400
    SIX_HOURS: Final = 21600
    TWELVE_HOURS: Final = 43200
    DAY: Final = 86400
    WEEK: Final = 604800

    HEALTH_CHECK_INTERVAL: Final = 300
    METRICS_COLLECTION_INTERVAL: Final = 60
    CLEANUP_INTERVAL: Final = 3600
    REPORT_GENERATION_INTERVAL: Final = 300
    ALERT_CHECK_INTERVAL: Final = 60
    PERFORMANCE_CHECK_INTERVAL: Final = 300
    SYSTEM_STATUS_INTERVAL: Final = 180


class DefaultValues:
    """What holds where nothing else is said."""

    QUEUE_TIMEOUT_SECONDS: Final = 300
    MAX_QUEUE_SIZE: Final = 100
    QUEUE_PRIORITY: Final = 1
    MAX_WAIT_TIME: Final = 1800
    CALL_TIME_LIMIT: Final = 14400
    RING_TIMEOUT: Final = 30
    JOIN_TIMEOUT: Final = 15
    WRAP_UP_TIME: Final = 30
    RECORDING_TIMEOUT: Final = 30
    VOICEMAIL_SECONDS: Final = 120
    CALLBACK_ATTEMPTS: Final = 3
    CALLBACK_PAUSE: Final = 900
    MAX_CONCURRENT_CALLS: Final = 1
    BREAK_DURATION_MINUTES: Final = 30
    TRAINING_DURATION_MINUTES: Final = 60
    LUNCH_DURATION_MINUTES: Final = 30
    DEFAULT_PAGE_SIZE: Final = 20
    MAX_PAGE_SIZE: Final = 100
    BATCH_SIZE: Final = 1000
    DEFAULT_ANALYSIS_PERIOD_DAYS: Final = 30
    SLOW_OPERATION_THRESHOLD: Final = 1.0
    SERVICE_LEVEL_THRESHOLD: Final = 30
    SHORT_ABANDON_THRESHOLD: Final = 5
    ABANDONMENT_THRESHOLD: Final = 300
    CALLS_PER_SECOND: Final = 1
    SUBMISSION_TIMEOUT: Final = 60
    RECONCILE_INTERVAL: Final = 30
    # Browsers let a page in the background run once a minute.
    HEARTBEAT_TIMEOUT: Final = 90
    PRIORITY_WEIGHT: Final = 60
    TIER_WAIT: Final = 20
    STICKY_WAIT: Final = 30


class Limits:
    """The most of anything."""

    MAX_BULK_OPERATIONS: Final = 1000
    MAX_ANALYTICS_RESULTS: Final = 1000
    MAX_REPORT_RECORDS: Final = 10000
    MAX_SEARCH_RESULTS: Final = 500
    MAX_API_REQUESTS_PER_SECOND: Final = 100
    MAX_WEBHOOK_RETRIES: Final = 3
    MAX_CONCURRENT_CALLS: Final = 1000
    MAX_RECORDING_SIZE_MB: Final = 100
    MAX_LOG_FILE_SIZE_MB: Final = 50
    RECORDING_RETENTION_DAYS: Final = 90
    LOG_RETENTION_DAYS: Final = 30
    MAX_CALL_DURATION: Final = 14400
    MAX_QUEUE_WAIT_TIME: Final = 3600
    MAX_CONFERENCE_DURATION: Final = 28800


class CallStatus:
    """Status of a call leg, in Twilio's words."""

    QUEUED: Final = "queued"
    RINGING: Final = "ringing"
    IN_PROGRESS: Final = "in-progress"
    COMPLETED: Final = "completed"
    BUSY: Final = "busy"
    FAILED: Final = "failed"
    NO_ANSWER: Final = "no-answer"
    CANCELED: Final = "canceled"

    ACTIVE_STATUSES: Final = frozenset({QUEUED, RINGING, IN_PROGRESS})
    COMPLETED_STATUSES: Final = frozenset({COMPLETED, BUSY, FAILED, NO_ANSWER, CANCELED})
    UNSUCCESSFUL_STATUSES: Final = frozenset({BUSY, FAILED, NO_ANSWER, CANCELED})


class CallRole:
    """Whose leg a call is."""

    CUSTOMER: Final = "customer"
    AGENT: Final = "agent"
    OUTSIDE: Final = "outside"
    SUPERVISOR: Final = "supervisor"


class SupervisionMode:
    """Who hears a supervisor: nobody, the agent, or everybody."""

    LISTEN: Final = "listen"
    WHISPER: Final = "whisper"
    BARGE: Final = "barge"

    MODES: Final = (LISTEN, WHISPER, BARGE)


class AgentStatus:
    """What an agent is doing."""

    AVAILABLE: Final = "available"
    RESERVED: Final = "reserved"
    BUSY: Final = "busy"
    WRAP_UP: Final = "wrap_up"
    ON_BREAK: Final = "on_break"
    TRAINING: Final = "training"
    OFFLINE: Final = "offline"
    LUNCH: Final = "lunch"

    CHOSEN_STATUSES: Final = (AVAILABLE, ON_BREAK, LUNCH, TRAINING, OFFLINE)
    BREAKS: Final = (ON_BREAK, LUNCH, TRAINING)
    ON_SHIFT_STATUSES: Final = (AVAILABLE, RESERVED, BUSY, WRAP_UP)
    ACTIVE_STATUSES: Final = frozenset({AVAILABLE, BUSY})
    UNAVAILABLE_STATUSES: Final = frozenset({ON_BREAK, TRAINING, OFFLINE, LUNCH})


class StateReason:
    """Why the server itself changed an agent's state; agents choose theirs from a catalogue in the admin."""

    AWAY: Final = "away"
    NO_ANSWER: Final = "no answer"
    DECLINED: Final = "declined"
    HUNG_UP: Final = "hung up"


class QueueStatus:
    """Whether a queue takes callers."""

    ACTIVE: Final = "active"
    PAUSED: Final = "paused"
    CLOSED: Final = "closed"
    FULL: Final = "full"


class QueueEntryState:
    """Where a caller's visit to a queue stands; all but the open states are outcomes."""

    WAITING: Final = "waiting"
    RESERVED: Final = "reserved"
    ANSWERED: Final = "answered"
    ABANDONED: Final = "abandoned"
    OVERFLOWED: Final = "overflowed"

    OPEN_STATES: Final = (WAITING, RESERVED)


class Onward:
    """Where a caller goes whom a queue does not serve."""

    WAIT: Final = "wait"
    GOODBYE: Final = "goodbye"
    QUEUE: Final = "queue"
    VOICEMAIL: Final = "voicemail"
    CALLBACK: Final = "callback"

    ENDS: Final = (GOODBYE, QUEUE, VOICEMAIL, CALLBACK)


class OverflowReason:
    """Why a queue did not serve a caller."""

    CLOSED: Final = "closed"
    FULL: Final = "full"
    NOBODY: Final = "nobody"
    WAITED: Final = "waited"
    TROUBLE: Final = "trouble"
    ASKED: Final = "asked"
    WITHDRAWN: Final = "withdrawn"
    NO_ANSWER: Final = "no_answer"


class CallbackState:
    """Where a wish to be called back stands."""

    WAITING: Final = "waiting"
    LINED_UP: Final = "lined_up"
    DONE: Final = "done"
    FAILED: Final = "failed"
    WITHDRAWN: Final = "withdrawn"

    OPEN_STATES: Final = (WAITING, LINED_UP)


class ReservationState:
    """Where an offer to an agent stands."""

    PENDING: Final = "pending"
    ACCEPTED: Final = "accepted"
    COMPLETED: Final = "completed"
    DECLINED: Final = "declined"
    TIMEOUT: Final = "timeout"
    CANCELLED: Final = "cancelled"

    ACTIVE_STATES: Final = (PENDING, ACCEPTED)
    STATES: Final = (*ACTIVE_STATES, COMPLETED, DECLINED, TIMEOUT, CANCELLED)


class RoutingStrategy:
    """Which of the agents who may take a caller is asked first; `models.booking` has the order of each."""

    LONGEST_IDLE: Final = "longest_idle"
    ROUND_ROBIN: Final = "round_robin"
    LEAST_RECENT: Final = "least_recent"
    FEWEST_CALLS: Final = "fewest_calls"
    LEAST_TALK: Final = "least_talk"
    SKILLS_BEST: Final = "skills_best"
    WEIGHTED_RANDOM: Final = "weighted_random"

    CHOICES: Final = (
        (LONGEST_IDLE, "longest idle"),
        (ROUND_ROBIN, "round robin: whose last offer was longest ago"),
        (LEAST_RECENT, "least recent: whose last call ended longest ago"),
        (FEWEST_CALLS, "fewest calls today"),
        (LEAST_TALK, "least time on calls today"),
        (SKILLS_BEST, "best in the skills the queue asks for"),
        (WEIGHTED_RANDOM, "at random, by the weight of the membership"),
    )


class RelaxationAction:
    """What a queue asks less of, the longer a caller waits."""

    LOWER_LEVEL: Final = "lower_level"
    DROP_SKILL: Final = "drop_skill"
    WIDEN_TIER: Final = "widen_tier"

    CHOICES: Final = (
        (LOWER_LEVEL, "ask for a lower level of the skill"),
        (DROP_SKILL, "ask for the skill no more"),
        (WIDEN_TIER, "ask further tiers too"),
    )


class OutboxKind:
    """What Twilio is told to do."""

    REDIRECT_CALL: Final = "redirect_call"
    END_CALL: Final = "end_call"
    CREATE_CALL: Final = "create_call"
    TRANSFER_CALL: Final = "transfer_call"
    UPDATE_PARTICIPANT: Final = "participant"
    ADD_PARTICIPANT: Final = "add_participant"
    PAUSE_RECORDING: Final = "pause_recording"
    RESUME_RECORDING: Final = "resume_recording"

    CALLS: Final = (CREATE_CALL, ADD_PARTICIPANT)
    """Those that have Twilio call somebody: it does so only so often."""


class RecordingPolicy:
    """Whether a queue's conversations are recorded, and how callers know."""

    NEVER: Final = "never"
    ANNOUNCED: Final = "announced"
    ASKED: Final = "asked"

    CHOICES: Final = (
        (NEVER, "never"),
        (ANNOUNCED, "always, and callers are told"),
        (ASKED, "if the caller agrees"),
    )


class RecordingState:
    """Twilio's states of a recording."""

    IN_PROGRESS: Final = "in-progress"
    PAUSED: Final = "paused"
    COMPLETED: Final = "completed"
    ABSENT: Final = "absent"
    FAILED: Final = "failed"

    LIVE_STATES: Final = (IN_PROGRESS, PAUSED)
    ENDED_STATES: Final = (COMPLETED, ABSENT, FAILED)


class OutboxState:
    """Where a command to Twilio stands. Unknown is a call that may have been made: it is asked for, never repeated."""

    PENDING: Final = "pending"
    SUBMISSION_UNKNOWN: Final = "submission_unknown"
    DONE: Final = "done"
    FAILED: Final = "failed"

    OPEN_STATES: Final = (PENDING, SUBMISSION_UNKNOWN)


class ErrorThresholds:
    """From where on a figure is a warning, or critical: rates and usage in per cent, times in seconds."""

    WARNING_ERROR_RATE: Final = 5.0
    CRITICAL_ERROR_RATE: Final = 10.0
    WARNING_RESPONSE_TIME: Final = 2.0
    CRITICAL_RESPONSE_TIME: Final = 5.0
    WARNING_QUEUE_TIME: Final = 120
    CRITICAL_QUEUE_TIME: Final = 300
    WARNING_MEMORY_USAGE: Final = 80.0
    CRITICAL_MEMORY_USAGE: Final = 95.0
    WARNING_CPU_USAGE: Final = 80.0
    CRITICAL_CPU_USAGE: Final = 95.0


class HTTPStatusCodes:
    """HTTP status codes by name."""

    OK: Final = 200
    CREATED: Final = 201
    ACCEPTED: Final = 202
    NO_CONTENT: Final = 204
    BAD_REQUEST: Final = 400
    UNAUTHORIZED: Final = 401
    FORBIDDEN: Final = 403
    NOT_FOUND: Final = 404
    METHOD_NOT_ALLOWED: Final = 405
    CONFLICT: Final = 409
    UNPROCESSABLE_ENTITY: Final = 422
    RATE_LIMITED: Final = 429
    INTERNAL_SERVER_ERROR: Final = 500
    BAD_GATEWAY: Final = 502
    SERVICE_UNAVAILABLE: Final = 503
    GATEWAY_TIMEOUT: Final = 504


SERVICE_CACHE_TIMEOUTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "agent": CacheTimeouts.AGENT_STATUS,
        "call": CacheTimeouts.SHORT,
        "queue": CacheTimeouts.QUEUE_METRICS,
        "analytics": CacheTimeouts.CALL_ANALYTICS,
        "metrics": CacheTimeouts.STANDARD,
        "ivr": CacheTimeouts.IVR_FLOWS,
        "recording": CacheTimeouts.RECORDING_URLS,
        "conference": CacheTimeouts.CONFERENCE_DATA,
        "routing": CacheTimeouts.ROUTING_RULES,
        "reporting": CacheTimeouts.LONG,
    }
)
"""Service -> seconds its answers stay in the cache."""


def _retry(**values: Any) -> Mapping[str, Any]:
    defaults = {
        "max_retries": RetryConfig.DEFAULT_MAX_RETRIES,
        "base_delay": RetryConfig.DEFAULT_BASE_DELAY,
        "max_delay": RetryConfig.DEFAULT_MAX_DELAY,
        "multiplier": RetryConfig.DEFAULT_BACKOFF_MULTIPLIER,
    }
    return MappingProxyType(defaults | values)


OPERATION_RETRY_CONFIGS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "default": _retry(),
        "connection": _retry(max_retries=RetryConfig.CONNECTION_MAX_RETRIES),
        "timeout": _retry(
            base_delay=RetryConfig.TIMEOUT_BASE_DELAY,
            max_delay=RetryConfig.TIMEOUT_MAX_DELAY,
            multiplier=RetryConfig.TIMEOUT_MULTIPLIER,
        ),
        "rate_limit": _retry(),
        "database": _retry(base_delay=RetryConfig.DATABASE_BASE_DELAY, max_delay=RetryConfig.DATABASE_MAX_DELAY),
        "webhook": MappingProxyType(
            {
                "max_retries": RetryConfig.WEBHOOK_MAX_RETRIES,
                "base_delay": RetryConfig.WEBHOOK_BASE_DELAY,
                "delays": tuple(RetryConfig.WEBHOOK_DELAYS),
            }
        ),
        "outbox": _retry(
            max_retries=RetryConfig.OUTBOX_MAX_RETRIES,
            base_delay=RetryConfig.OUTBOX_BASE_DELAY,
            max_delay=RetryConfig.OUTBOX_MAX_DELAY,
        ),
        "request": _retry(
            max_retries=RetryConfig.REQUEST_MAX_RETRIES,
            base_delay=RetryConfig.REQUEST_BASE_DELAY,
            max_delay=RetryConfig.REQUEST_MAX_DELAY,
        ),
    }
)
"""Operation -> how often and how far apart it is tried again."""

SERVICE_BATCH_SIZES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "analytics": Limits.MAX_ANALYTICS_RESULTS,
        "reporting": DefaultValues.BATCH_SIZE,
        "metrics": DefaultValues.BATCH_SIZE,
        "search": Limits.MAX_SEARCH_RESULTS,
        "bulk_operations": Limits.MAX_BULK_OPERATIONS,
    }
)
"""Operation -> how many rows it takes at a time."""


class WebhookPolicy:
    """What Twilio is to do when a webhook is not answered, behind the `#` of its URL."""

    TWIML: Final = "#rc=4&rp=ct,rt,5xx&ct=2000&rt=4000&tt=14000"
    """Ask again, and soon: a caller is listening, and hears the fallback within 14 s. Safe because a repeated request
    gets the same answer."""
    CALLBACK: Final = "#rc=5&rp=all"
    """Nobody is listening: ask as often as Twilio allows, so that no event is lost."""

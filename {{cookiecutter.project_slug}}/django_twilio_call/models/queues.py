"""Queues, and who takes their calls."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator, URLValidator
from django.db import models

from ..constants import DefaultValues, Onward, RecordingPolicy, RoutingStrategy
from ..exceptions import ValidationError as UnsayableError
from ..phrases import check_texts
from .agents import Agent
from .announcing import AnnouncingQuerySet
from .calendars import Calendar

WAYS: Final = (
    (Onward.GOODBYE, "Goodbye"),
    (Onward.QUEUE, "Another queue"),
    (Onward.VOICEMAIL, "Voicemail"),
    (Onward.CALLBACK, "Callback"),
)
"""What can become of a caller whom a queue does not serve."""


def sayable(texts: object) -> None:
    """Refuses texts nobody could say, in the admin as anywhere."""
    try:
        check_texts(texts)
    except UnsayableError as error:
        raise ValidationError(str(error)) from None


class Queue(models.Model):
    """Callers with one purpose, and the rules for their wait."""

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    digit = models.CharField(
        max_length=1,
        null=True,
        blank=True,
        unique=True,
        validators=[RegexValidator(r"^[1-9]$", "One key of the phone, 1 to 9.")],
        help_text="The key a caller presses in the menu. Empty: not in the menu.",
    )
    priority = models.SmallIntegerField(default=DefaultValues.QUEUE_PRIORITY, help_text="Higher is served first.")
    max_size = models.PositiveIntegerField(default=DefaultValues.MAX_QUEUE_SIZE, validators=[MinValueValidator(1)])
    max_wait = models.PositiveIntegerField(
        default=DefaultValues.MAX_WAIT_TIME, help_text="Seconds after which a caller is sent on."
    )
    service_level_threshold = models.PositiveIntegerField(
        default=DefaultValues.SERVICE_LEVEL_THRESHOLD,
        help_text="Seconds within which a call counts as answered in time.",
    )
    wrap_up_time = models.PositiveIntegerField(
        default=DefaultValues.WRAP_UP_TIME, help_text="Seconds an agent has after a call, ended by the server."
    )
    disposition_required = models.BooleanField(
        default=False, help_text="Agents must say how each call ended before they go on."
    )
    strategy = models.CharField(
        max_length=20,
        choices=RoutingStrategy.CHOICES,
        default=RoutingStrategy.LONGEST_IDLE,
        help_text="Which of the available agents is asked first.",
    )
    priority_weight = models.PositiveIntegerField(
        default=DefaultValues.PRIORITY_WEIGHT,
        help_text="Seconds of waiting that one step of priority is worth: who has waited that much longer is served "
        "before somebody with one step more.",
    )
    tier_wait = models.PositiveIntegerField(
        default=DefaultValues.TIER_WAIT,
        help_text="Seconds a caller waits for each tier before agents of the next one are asked too.",
    )
    sticky_days = models.PositiveSmallIntegerField(
        default=0, help_text="A caller's last agent is preferred if they spoke within so many days. 0: nobody is."
    )
    sticky_wait = models.PositiveIntegerField(
        default=DefaultValues.STICKY_WAIT,
        help_text="Seconds of a caller's wait in which only that agent is asked, if on shift; then everybody.",
    )
    is_active = models.BooleanField(default=True)
    # The caller's path: what a caller meets here.
    recording = models.CharField(
        max_length=10,
        choices=RecordingPolicy.CHOICES,
        default=RecordingPolicy.NEVER,
        db_default=RecordingPolicy.NEVER,
        help_text="Whether conversations are recorded.",
    )
    calendar = models.ForeignKey(
        Calendar,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="queues",
        help_text="Empty: always open.",
    )
    when_closed = models.CharField(max_length=10, choices=WAYS, default=Onward.GOODBYE)
    when_full = models.CharField(max_length=10, choices=WAYS, default=Onward.GOODBYE)
    when_nobody = models.CharField(
        "when nobody is logged in", max_length=10, choices=(*WAYS, (Onward.WAIT, "Wait")), default=Onward.WAIT
    )
    when_waited = models.CharField("after the longest wait", max_length=10, choices=WAYS, default=Onward.GOODBYE)
    overflow_queue = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="overflows_from",
        help_text="The other queue, where one of the above says so. The caller keeps the time they have waited.",
    )
    offer_callback = models.BooleanField(default=False, help_text="While they wait: 1 for a callback in their place.")
    offer_voicemail = models.BooleanField(default=False, help_text="While they wait: 2 to leave a message.")
    callback_attempts = models.PositiveSmallIntegerField(
        default=DefaultValues.CALLBACK_ATTEMPTS, validators=[MinValueValidator(1)]
    )
    callback_pause = models.PositiveIntegerField(
        default=DefaultValues.CALLBACK_PAUSE, help_text="Seconds from one try to the next."
    )
    voicemail_seconds = models.PositiveIntegerField(
        default=DefaultValues.VOICEMAIL_SECONDS,
        validators=[MinValueValidator(5)],
        help_text="The longest message, in seconds.",
    )
    language = models.CharField(
        max_length=20,
        blank=True,
        default="",
        validators=[RegexValidator(r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$", "A language such as de-DE.")],
        help_text="What callers hear. Empty: as the configuration says.",
    )
    voice = models.CharField(max_length=50, blank=True, default="", help_text="Whom they hear, such as Polly.Vicki.")
    texts = models.JSONField(
        default=dict, blank=True, validators=[sayable], help_text='Texts of its own, as {"busy": "Hold on."}.'
    )
    # No URLField: its form warns of another default scheme in Django 6.
    hold_music_url = models.CharField(
        max_length=200,
        blank=True,
        default="",
        validators=[URLValidator(["http", "https"])],
        help_text="Empty: as the configuration says.",
    )
    announce_every = models.PositiveIntegerField(
        default=0, help_text="Seconds between announcements of the position. 0: whenever the music begins anew."
    )
    announce_estimate = models.BooleanField(default=True, help_text="Say how long the wait will be, where it is known.")
    agents = models.ManyToManyField(Agent, through="QueueMembership", related_name="queues")

    objects = AnnouncingQuerySet.as_manager()

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **options: Any) -> None:
        """Refuses a way from queue to queue that comes back to where it began: a caller would never leave it."""
        self.clean()
        super().save(*args, **options)

    def clean(self) -> None:
        """The rules that need more than one field."""
        ways = (self.when_closed, self.when_full, self.when_nobody, self.when_waited)
        if Onward.QUEUE in ways and self.overflow_queue_id is None:
            raise ValidationError({"overflow_queue": "Callers are to go to another queue: say to which."})
        if way := self._way_back():
            raise ValidationError({"overflow_queue": f"Callers would go round and round: {' > '.join(way)}."})

    def _way_back(self) -> list[str]:
        """Keys of the queues on the way from this one to itself; none where it ends."""
        way, following = [self.key], self.overflow_queue
        while following is not None and following.key not in way:
            way.append(following.key)
            following = following.overflow_queue
        return [*way, following.key] if following is not None else []


class QueueMembership(models.Model):
    """An agent who takes a queue's calls."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="memberships")
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="memberships")
    tier = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(9)],
        help_text="Tier 1 is asked first, the others as the caller's wait goes on.",
    )
    weight = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1)],
        help_text="How often the agent is drawn, compared with the others, where the queue draws at random.",
    )

    objects = AnnouncingQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["queue", "agent"], name="one_membership_per_agent_and_queue"),)

    def __str__(self) -> str:
        return f"agent {self.agent_id} in queue {self.queue_id}"

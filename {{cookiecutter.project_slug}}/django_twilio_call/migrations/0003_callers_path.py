import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import django_twilio_call.models.calendars
import django_twilio_call.models.queues


class Migration(migrations.Migration):
    dependencies = [
        ("django_twilio_call", "0002_running_process"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Calendar",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=100)),
                (
                    "zone",
                    models.CharField(
                        help_text="An IANA time zone such as Europe/Berlin: all times are its.",
                        max_length=50,
                        validators=[django_twilio_call.models.calendars.known_zone],
                    ),
                ),
            ],
            options={
                "ordering": ("key",),
            },
        ),
        migrations.CreateModel(
            name="CallbackRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "number",
                    models.CharField(
                        max_length=16,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^\\+[1-9][0-9]{6,14}$", "A number such as +4930123456."
                            )
                        ],
                    ),
                ),
                ("enqueued_at", models.DateTimeField()),
                ("requested_at", models.DateTimeField()),
                ("state", models.CharField(default="waiting", max_length=10)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ("-requested_at", "-pk"),
            },
        ),
        migrations.CreateModel(
            name="IVRFlow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=100)),
                (
                    "number",
                    models.CharField(
                        blank=True,
                        help_text="The number callers dial, as +4930123456. Empty: all that have no flow of their own.",
                        max_length=20,
                        null=True,
                        unique=True,
                    ),
                ),
                ("draft", models.JSONField(blank=True, default=dict, help_text="What the next version will be.")),
            ],
            options={
                "verbose_name": "IVR flow",
                "ordering": ("key",),
            },
        ),
        migrations.CreateModel(
            name="IVRVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                ("definition", models.JSONField()),
                ("sha256", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "IVR version",
                "ordering": ("flow", "-number"),
            },
        ),
        migrations.CreateModel(
            name="OpeningTime",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "weekday",
                    models.SmallIntegerField(
                        choices=[
                            (0, "Monday"),
                            (1, "Tuesday"),
                            (2, "Wednesday"),
                            (3, "Thursday"),
                            (4, "Friday"),
                            (5, "Saturday"),
                            (6, "Sunday"),
                        ]
                    ),
                ),
                ("opens", models.TimeField()),
                (
                    "closes",
                    models.TimeField(
                        help_text="Not after the opening: on the next day. The same as the opening: 24 hours."
                    ),
                ),
            ],
            options={
                "ordering": ("weekday", "opens"),
            },
        ),
        migrations.CreateModel(
            name="SpecialDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("date", models.DateField()),
                ("name", models.CharField(max_length=100)),
                (
                    "opens",
                    models.TimeField(blank=True, help_text="Empty, with no closing time: closed all day.", null=True),
                ),
                ("closes", models.TimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ("date", "opens"),
            },
        ),
        migrations.CreateModel(
            name="Voicemail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("recording_sid", models.CharField(max_length=34, unique=True)),
                ("url", models.URLField(max_length=300)),
                ("duration", models.PositiveIntegerField(help_text="Seconds.")),
                ("recorded_at", models.DateTimeField()),
                ("heard_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ("-recorded_at", "-pk"),
            },
        ),
        migrations.AddField(
            model_name="outbox",
            name="status_url",
            field=models.TextField(blank=True, default="", help_text="Who is told how a created call goes."),
        ),
        migrations.AddField(
            model_name="outbox",
            name="to_number",
            field=models.CharField(blank=True, default="", help_text="Whom a created call calls.", max_length=16),
        ),
        migrations.AddField(
            model_name="queue",
            name="announce_estimate",
            field=models.BooleanField(default=True, help_text="Say how long the wait will be, where it is known."),
        ),
        migrations.AddField(
            model_name="queue",
            name="announce_every",
            field=models.PositiveIntegerField(
                default=0, help_text="Seconds between announcements of the position. 0: whenever the music begins anew."
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="callback_attempts",
            field=models.PositiveSmallIntegerField(default=3, validators=[django.core.validators.MinValueValidator(1)]),
        ),
        migrations.AddField(
            model_name="queue",
            name="callback_pause",
            field=models.PositiveIntegerField(default=900, help_text="Seconds from one try to the next."),
        ),
        migrations.AddField(
            model_name="queue",
            name="hold_music_url",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Empty: as the configuration says.",
                max_length=200,
                validators=[django.core.validators.URLValidator(["http", "https"])],
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="language",
            field=models.CharField(
                blank=True,
                default="",
                help_text="What callers hear. Empty: as the configuration says.",
                max_length=20,
                validators=[
                    django.core.validators.RegexValidator("^[a-z]{2,3}(-[A-Za-z0-9]+)*$", "A language such as de-DE.")
                ],
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="offer_callback",
            field=models.BooleanField(default=False, help_text="While they wait: 1 for a callback in their place."),
        ),
        migrations.AddField(
            model_name="queue",
            name="offer_voicemail",
            field=models.BooleanField(default=False, help_text="While they wait: 2 to leave a message."),
        ),
        migrations.AddField(
            model_name="queue",
            name="overflow_queue",
            field=models.ForeignKey(
                blank=True,
                help_text="The other queue, where one of the above says so. The caller keeps the time they have waited.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="overflows_from",
                to="django_twilio_call.queue",
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="texts",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text='Texts of its own, as {"busy": "Hold on."}.',
                validators=[django_twilio_call.models.queues.sayable],
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="voice",
            field=models.CharField(
                blank=True, default="", help_text="Whom they hear, such as Polly.Vicki.", max_length=50
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="voicemail_seconds",
            field=models.PositiveIntegerField(
                default=120,
                help_text="The longest message, in seconds.",
                validators=[django.core.validators.MinValueValidator(5)],
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="when_closed",
            field=models.CharField(
                choices=[
                    ("goodbye", "Goodbye"),
                    ("queue", "Another queue"),
                    ("voicemail", "Voicemail"),
                    ("callback", "Callback"),
                ],
                default="goodbye",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="when_full",
            field=models.CharField(
                choices=[
                    ("goodbye", "Goodbye"),
                    ("queue", "Another queue"),
                    ("voicemail", "Voicemail"),
                    ("callback", "Callback"),
                ],
                default="goodbye",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="when_nobody",
            field=models.CharField(
                choices=[
                    ("goodbye", "Goodbye"),
                    ("queue", "Another queue"),
                    ("voicemail", "Voicemail"),
                    ("callback", "Callback"),
                    ("wait", "Wait"),
                ],
                default="wait",
                max_length=10,
                verbose_name="when nobody is logged in",
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="when_waited",
            field=models.CharField(
                choices=[
                    ("goodbye", "Goodbye"),
                    ("queue", "Another queue"),
                    ("voicemail", "Voicemail"),
                    ("callback", "Callback"),
                ],
                default="goodbye",
                max_length=10,
                verbose_name="after the longest wait",
            ),
        ),
        migrations.AddField(
            model_name="queueentry",
            name="announced_s",
            field=models.PositiveIntegerField(
                blank=True, help_text="Second of the wait at which the position was said last.", null=True
            ),
        ),
        migrations.AddField(
            model_name="queueentry",
            name="overflow_reason",
            field=models.CharField(blank=True, default="", help_text="Why they were sent on.", max_length=10),
        ),
        migrations.AddField(
            model_name="queueentry",
            name="overflow_to",
            field=models.CharField(blank=True, default="", help_text="Where they were sent.", max_length=10),
        ),
        migrations.AddConstraint(
            model_name="outbox",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "create_call"), models.Q(("state", "failed"), _negated=True)),
                fields=("entry",),
                name="one_created_call_per_entry",
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="calendar",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: always open.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="queues",
                to="django_twilio_call.calendar",
            ),
        ),
        migrations.AddField(
            model_name="callbackrequest",
            name="call",
            field=models.ForeignKey(
                help_text="In which it was said.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="callbacks",
                to="django_twilio_call.call",
            ),
        ),
        migrations.AddField(
            model_name="callbackrequest",
            name="entry",
            field=models.ForeignKey(
                blank=True,
                help_text="Its place now.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="callbacks",
                to="django_twilio_call.queueentry",
            ),
        ),
        migrations.AddField(
            model_name="callbackrequest",
            name="queue",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="callbacks", to="django_twilio_call.queue"
            ),
        ),
        migrations.AddField(
            model_name="ivrversion",
            name="flow",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="django_twilio_call.ivrflow"
            ),
        ),
        migrations.AddField(
            model_name="ivrflow",
            name="release",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="django_twilio_call.ivrversion",
            ),
        ),
        migrations.AddField(
            model_name="call",
            name="ivr_version",
            field=models.ForeignKey(
                blank=True,
                help_text="Kept to its end.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="calls",
                to="django_twilio_call.ivrversion",
            ),
        ),
        migrations.AddField(
            model_name="openingtime",
            name="calendar",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="opening_times",
                to="django_twilio_call.calendar",
            ),
        ),
        migrations.AddField(
            model_name="specialday",
            name="calendar",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="special_days",
                to="django_twilio_call.calendar",
            ),
        ),
        migrations.AddField(
            model_name="voicemail",
            name="call",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="voicemails", to="django_twilio_call.call"
            ),
        ),
        migrations.AddField(
            model_name="voicemail",
            name="heard_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="voicemail",
            name="queue",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="voicemails", to="django_twilio_call.queue"
            ),
        ),
        migrations.AddIndex(
            model_name="callbackrequest",
            index=models.Index(condition=models.Q(("state", "waiting")), fields=["not_before"], name="callback_due"),
        ),
        migrations.AddIndex(
            model_name="callbackrequest",
            index=models.Index(
                condition=models.Q(("state__in", ("waiting", "lined_up"))), fields=["state"], name="callback_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="callbackrequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("waiting", "lined_up"))),
                fields=("number", "queue"),
                name="one_open_callback_per_number",
            ),
        ),
        migrations.AddConstraint(
            model_name="ivrversion",
            constraint=models.UniqueConstraint(fields=("flow", "number"), name="one_version_per_number"),
        ),
        migrations.AddConstraint(
            model_name="ivrversion",
            constraint=models.UniqueConstraint(fields=("flow", "sha256"), name="one_version_per_definition"),
        ),
        migrations.AddConstraint(
            model_name="openingtime",
            constraint=models.UniqueConstraint(fields=("calendar", "weekday", "opens"), name="one_opening_at_a_time"),
        ),
        migrations.AddConstraint(
            model_name="openingtime",
            constraint=models.CheckConstraint(condition=models.Q(("weekday__range", (0, 6))), name="weekday_of_seven"),
        ),
        migrations.AddConstraint(
            model_name="specialday",
            constraint=models.UniqueConstraint(
                fields=("calendar", "date", "opens"), name="one_special_opening_at_a_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="specialday",
            constraint=models.UniqueConstraint(
                condition=models.Q(("opens", None)), fields=("calendar", "date"), name="closed_once_on_a_special_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="specialday",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closes__isnull", True), ("opens__isnull", True)),
                    models.Q(("closes__isnull", False), ("opens__isnull", False)),
                    _connector="OR",
                ),
                name="both_special_times_or_none",
                violation_error_message="Give both times, or neither for a day that is closed.",
            ),
        ),
        migrations.AddIndex(
            model_name="voicemail",
            index=models.Index(
                condition=models.Q(("heard_at", None)), fields=["queue", "recorded_at"], name="voicemail_new"
            ),
        ),
    ]

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("django_twilio_call", "0005_access"),
    ]

    operations = [
        migrations.CreateModel(
            name="AgentInterval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("begins_at", models.DateTimeField()),
                ("offers", models.IntegerField(db_default=0, default=0)),
                ("accepted", models.IntegerField(db_default=0, default=0)),
                ("declined", models.IntegerField(db_default=0, default=0)),
                ("missed", models.IntegerField(db_default=0, default=0)),
                ("handled", models.IntegerField(db_default=0, default=0)),
                ("talk_ms", models.BigIntegerField(db_default=0, default=0)),
                ("available_ms", models.BigIntegerField(db_default=0, default=0)),
                ("reserved_ms", models.BigIntegerField(db_default=0, default=0)),
                ("busy_ms", models.BigIntegerField(db_default=0, default=0)),
                ("wrap_up_ms", models.BigIntegerField(db_default=0, default=0)),
                ("on_break_ms", models.BigIntegerField(db_default=0, default=0)),
                ("lunch_ms", models.BigIntegerField(db_default=0, default=0)),
                ("training_ms", models.BigIntegerField(db_default=0, default=0)),
            ],
        ),
        migrations.CreateModel(
            name="QueueInterval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("begins_at", models.DateTimeField()),
                ("offered", models.IntegerField(db_default=0, default=0)),
                ("answered", models.IntegerField(db_default=0, default=0)),
                ("answered_in_time", models.IntegerField(db_default=0, default=0)),
                ("abandoned", models.IntegerField(db_default=0, default=0)),
                ("abandoned_in_time", models.IntegerField(db_default=0, default=0)),
                ("abandoned_short", models.IntegerField(db_default=0, default=0)),
                ("overflowed", models.IntegerField(db_default=0, default=0)),
                ("callbacks", models.IntegerField(db_default=0, default=0)),
                ("callbacks_in_time", models.IntegerField(db_default=0, default=0)),
                ("handled", models.IntegerField(db_default=0, default=0)),
                ("answer_wait_ms", models.BigIntegerField(db_default=0, default=0)),
                ("abandon_wait_ms", models.BigIntegerField(db_default=0, default=0)),
                ("talk_ms", models.BigIntegerField(db_default=0, default=0)),
                ("wrap_up_ms", models.BigIntegerField(db_default=0, default=0)),
            ],
        ),
        migrations.AddField(
            model_name="agentstatespan",
            name="is_counted",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="queueentry",
            name="is_counted",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="reservation",
            name="is_counted",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name="agentstatespan",
            index=models.Index(
                condition=models.Q(("is_counted", False)),
                fields=["id"],
                name="span_uncounted",
            ),
        ),
        migrations.AddIndex(
            model_name="queueentry",
            index=models.Index(
                condition=models.Q(("is_counted", False)),
                fields=["id"],
                name="entry_uncounted",
            ),
        ),
        migrations.AddIndex(
            model_name="reservation",
            index=models.Index(
                condition=models.Q(("is_counted", False)),
                fields=["id"],
                name="reservation_uncounted",
            ),
        ),
        migrations.AddField(
            model_name="agentinterval",
            name="agent",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="intervals", to="django_twilio_call.agent"
            ),
        ),
        migrations.AddField(
            model_name="queueinterval",
            name="queue",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="intervals", to="django_twilio_call.queue"
            ),
        ),
        migrations.AddIndex(
            model_name="agentinterval",
            index=models.Index(fields=["begins_at"], name="agent_interval_by_time"),
        ),
        migrations.AddConstraint(
            model_name="agentinterval",
            constraint=models.UniqueConstraint(fields=("agent", "begins_at"), name="one_interval_per_agent"),
        ),
        migrations.AddIndex(
            model_name="queueinterval",
            index=models.Index(fields=["begins_at"], name="queue_interval_by_time"),
        ),
        migrations.AddConstraint(
            model_name="queueinterval",
            constraint=models.UniqueConstraint(fields=("queue", "begins_at"), name="one_interval_per_queue"),
        ),
    ]

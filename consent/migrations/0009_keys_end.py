"""A pipeline's keys and a webhook's secrets become rows of their own, which end while what they belong to goes on.

Keys and secrets that are there stay as they are.
"""

import uuid

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Lower

# Of pipelines with one name the first keeps it.
NAMED_APART = """
    UPDATE consent_pipeline pipeline SET name = name || ' ' || serial
    WHERE EXISTS (
        SELECT FROM consent_pipeline other WHERE lower(other.name) = lower(pipeline.name) AND other.serial < pipeline.serial
    )
"""
KEYS = """
    INSERT INTO consent_pipelinekey (id, label, digest, issued_at, expires_at, pipeline_id)
    SELECT gen_random_uuid(), 'key-1', key_digest, enrolled_at, expires_at, serial FROM consent_pipeline;
    SET CONSTRAINTS ALL IMMEDIATE
"""
# A secret follows from its number, and the first one's was the webhook's.
SECRETS = """
    INSERT INTO consent_webhooksecret (id, label, issued_at, webhook_id)
    SELECT id, 'secret-1', enrolled_at, serial FROM consent_webhook;
    SET CONSTRAINTS ALL IMMEDIATE
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0008_claims"), ("registry", "0006_secrets_end")]

    operations = [
        migrations.AddField("pipeline", "disabled_at", models.DateTimeField(null=True)),
        migrations.RunSQL(NAMED_APART),
        migrations.AddConstraint("pipeline", models.UniqueConstraint(Lower("name"), name="pipeline_name_is_one")),
        migrations.CreateModel(
            name="PipelineKey",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("label", models.CharField(max_length=60)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("issued_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "pipeline",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="keys", to="consent.pipeline"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["pipeline", "label"],
                        condition=models.Q(revoked_at=None),
                        name="key_label_is_one",
                    )
                ],
            },
        ),
        migrations.RunSQL(KEYS),
        migrations.RemoveField("pipeline", "key_digest"),
        migrations.RemoveField("pipeline", "expires_at"),
        migrations.CreateModel(
            name="WebhookSecret",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("label", models.CharField(max_length=60)),
                ("issued_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "webhook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="secrets", to="consent.webhook"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["webhook", "label"],
                        condition=models.Q(revoked_at=None),
                        name="webhook_label_is_one",
                    )
                ],
            },
        ),
        migrations.RunSQL(SECRETS),
    ]

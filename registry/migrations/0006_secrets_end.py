"""Tokens have a label, a number of their own and an end by hand; sessions say whose they are.

Tokens that are there stay in force, as `token-<n>`. Sessions do not: people sign in again.
"""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLES = ["persontoken", "stewardtoken"]
LABELS = {"persontoken": ("person", "token_label_is_one"), "stewardtoken": ("account", "desk_token_label_is_one")}

NUMBERED = """
    UPDATE registry_{table} SET label = 'token-' || id;
    ALTER TABLE registry_{table} DROP COLUMN id;
    ALTER TABLE registry_{table} ADD COLUMN id uuid PRIMARY KEY DEFAULT gen_random_uuid();
    ALTER TABLE registry_{table} ALTER COLUMN id DROP DEFAULT, ALTER COLUMN label DROP DEFAULT;
"""


def changes(table):
    owner, constraint = LABELS[table]
    return [
        migrations.AddField(table, "label", models.CharField(max_length=60, default=""), preserve_default=False),
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL(NUMBERED.format(table=table))],
            [
                migrations.AlterField(
                    table,
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                )
            ],
        ),
        migrations.AddField(table, "revoked_at", models.DateTimeField(null=True)),
        migrations.AddField(table, "used_at", models.DateTimeField(null=True)),
        migrations.AddConstraint(
            table,
            models.UniqueConstraint(
                fields=[owner, "label"], condition=models.Q(revoked_at=None), name=constraint
            ),
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("registry", "0005_clock_and_lost_sizes")]

    operations = [
        *(change for table in TABLES for change in changes(table)),
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "session_key",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key"),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("number", models.UUIDField(null=True)),
                ("browser", models.CharField(blank=True, max_length=60)),
                ("begun_at", models.DateTimeField(null=True)),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "session", "verbose_name_plural": "sessions", "abstract": False},
        ),
    ]

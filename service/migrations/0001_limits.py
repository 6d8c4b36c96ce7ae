"""The counters of `service/limits.py`. No model: they are read and written by one statement each."""

from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(
            """
            CREATE TABLE service_limit (key bytea PRIMARY KEY, full_at timestamptz NOT NULL);
            CREATE INDEX service_limit_full_at ON service_limit (full_at)
            """,
            "DROP TABLE service_limit",
        ),
    ]

"""The latest time that was seen, which only rises; and signed sizes that this database lost, which are only added."""

import django.db.models.constraints
from django.db import migrations, models

ONLY_RISES = """
    CREATE FUNCTION refuse_going_back() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'law 11: the latest time that was seen is not set back'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$;
    CREATE TRIGGER registry_logclock_only_rises BEFORE UPDATE ON registry_logclock
        FOR EACH ROW WHEN (NEW.at < OLD.at) EXECUTE FUNCTION refuse_going_back();
    ALTER TABLE registry_logclock ENABLE ALWAYS TRIGGER registry_logclock_only_rises;
    CREATE TRIGGER registry_logclock_stays BEFORE DELETE OR TRUNCATE ON registry_logclock
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_going_back();
    ALTER TABLE registry_logclock ENABLE ALWAYS TRIGGER registry_logclock_stays;
"""

INSERT_ONLY = """
    CREATE TRIGGER registry_lostsize_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON registry_lostsize
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
    ALTER TABLE registry_lostsize ENABLE ALWAYS TRIGGER registry_lostsize_insert_only;
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0004_signals")]
    operations = [
        migrations.CreateModel(
            name="LogClock",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    django.db.models.constraints.CheckConstraint(
                        condition=models.Q(("id", 1)), name="log_clock_is_one_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LostSize",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("origin", models.TextField()),
                ("size", models.BigIntegerField()),
                ("head", models.BigIntegerField()),
                ("shown_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    django.db.models.constraints.UniqueConstraint(fields=("origin", "size"), name="lost_size_once")
                ],
            },
        ),
        migrations.RunSQL(
            "INSERT INTO registry_logclock (id, at) VALUES (1, '1970-01-01T00:00:00Z')", migrations.RunSQL.noop
        ),
        migrations.RunSQL(ONLY_RISES, "DROP FUNCTION refuse_going_back() CASCADE"),
        migrations.RunSQL(INSERT_ONLY, "DROP TRIGGER registry_lostsize_insert_only ON registry_lostsize"),
    ]

"""What a person said, and the text that they said it to, is evidence: insert-only, like the log."""

from django.db import migrations

INSERT_ONLY = ["notice", "grant", "withdrawal"]

TRIGGER = """
    CREATE TRIGGER {table}_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
    ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_insert_only;
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial"), ("registry", "0002_append_only")]
    operations = [
        migrations.RunSQL(TRIGGER.format(table=f"consent_{name}"), f"DROP TRIGGER consent_{name}_insert_only ON consent_{name}")
        for name in INSERT_ONLY
    ]

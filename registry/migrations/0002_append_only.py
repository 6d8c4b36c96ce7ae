"""Law 4: the database itself refuses to rewrite the log, its owner included. And the counter's one row.

The triggers are ENABLE ALWAYS, so that `session_replication_role = replica` does not pass them by, and for each
statement, so that one which would touch no row is refused as well.
"""

from django.db import migrations

INSERT_ONLY = ["entry", "commitment", "opening", "tile", "checkpoint"]

FUNCTION = """
    CREATE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'law 4: % of % is refused: it is insert-only', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END $$;
"""

TRIGGER = """
    CREATE TRIGGER {table}_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
    ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_insert_only;
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION refuse_rewrite()"),
        *[
            migrations.RunSQL(TRIGGER.format(table=f"registry_{name}"), f"DROP TRIGGER registry_{name}_insert_only ON registry_{name}")
            for name in INSERT_ONLY
        ],
        migrations.RunSQL("INSERT INTO registry_loghead (id, size) VALUES (1, 0)", migrations.RunSQL.noop),
    ]

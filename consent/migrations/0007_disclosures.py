"""What was disclosed to whom. As in 0002: it is evidence, and insert-only; what is unfolded from it is not."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.lookups import Exact

INSERT_ONLY = ["disclosure", "disclosureday"]

TRIGGER = """
    CREATE TRIGGER {table}_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
    ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_insert_only;
"""
# Ids are random: to compress them takes time and saves nothing.
AS_IT_IS = "ALTER TABLE consent_disclosure ALTER COLUMN images SET STORAGE EXTERNAL"
OCTETS = models.Func(models.F("images"), function="octet_length", output_field=models.BigIntegerField())


class Migration(migrations.Migration):
    dependencies = [("consent", "0006_snapshots_in_the_log"), ("registry", "0003_views")]

    operations = [
        migrations.CreateModel(
            name="Disclosure",
            fields=[
                ("serial", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "how",
                    models.CharField(
                        choices=[("check", "check"), ("match", "match"), ("snapshot", "snapshot"), ("delta", "delta")],
                        max_length=16,
                    ),
                ),
                ("scopes", models.IntegerField(help_text="bits by scope")),
                ("size", models.BigIntegerField()),
                ("since", models.BigIntegerField(null=True)),
                ("count", models.BigIntegerField()),
                ("images", models.BinaryField()),
                ("at", models.DateTimeField()),
                (
                    "pipeline",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disclosures",
                        to="consent.pipeline",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(how__in=("snapshot", "delta")),
                        fields=["pipeline", "-serial"],
                        name="disclosure_of_feed",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(how__in=("check", "match"), since=None, count__gt=0)
                        | models.Q(how="snapshot", since=None, images=b"")
                        | models.Q(how="delta", since__isnull=False, images=b""),
                        name="disclosure_is_of_its_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(how__in=("snapshot", "delta"))
                        | models.Q(Exact(OCTETS, models.F("count") * 16)),
                        name="disclosure_counts_its_images",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DisclosedImage",
            fields=[
                (
                    "image",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.image",
                    ),
                ),
                (
                    "pipeline",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consent.pipeline",
                    ),
                ),
                ("scope", models.SmallIntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "image", "pipeline", "scope", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("first", models.BigIntegerField(help_text="serial")),
            ],
        ),
        migrations.CreateModel(
            name="Unfolded",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("serial", models.BigIntegerField()),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="unfolded_is_one_row")],
            },
        ),
        migrations.CreateModel(
            name="DisclosureDay",
            fields=[
                ("last", models.BigIntegerField(help_text="serial", primary_key=True, serialize=False)),
                ("first", models.BigIntegerField(help_text="serial")),
                ("count", models.BigIntegerField()),
                ("root", models.BinaryField(max_length=32)),
                ("act", models.UUIDField(unique=True)),
            ],
        ),
        migrations.RunSQL(AS_IT_IS, migrations.RunSQL.noop),
        migrations.RunSQL("INSERT INTO consent_unfolded (id, serial) VALUES (1, 0)", migrations.RunSQL.noop),
        *[
            migrations.RunSQL(TRIGGER.format(table=f"consent_{name}"), f"DROP TRIGGER consent_{name}_insert_only ON consent_{name}")
            for name in INSERT_ONLY
        ],
    ]

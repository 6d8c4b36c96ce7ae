from django.db import migrations, models


class Migration(migrations.Migration):
    """Snapshots without an entry are forgotten: they were offered for an hour, and the next one is built when asked."""

    dependencies = [("consent", "0005_webhooks")]

    operations = [
        migrations.RunSQL("DELETE FROM consent_snapshot", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="snapshot",
            name="act",
            field=models.UUIDField(help_text="its entry in the log, which pins the list", unique=True),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="snapshot",
            constraint=models.UniqueConstraint(fields=("collection", "scopes", "size"), name="snapshot_one_at_a_size"),
        ),
    ]

"""Deposits: what a pipeline has left of its own pictures, so that later withdrawals find them."""

from django.db import models

from consent.models.pipelines import Pipeline


class Deposit(models.Model):
    """One picture under the pipeline's own key: its asking views. Left again under the same key, the newest counts."""

    pipeline = models.ForeignKey(Pipeline, on_delete=models.PROTECT, related_name="deposits", db_index=False)
    key = models.CharField(max_length=200)
    version = models.SmallIntegerField(help_text="of the views")
    views = models.BinaryField(max_length=256)
    left_at = models.DateTimeField()

    pipeline_id: int

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pipeline", "key", "version"], name="deposit_once")]

"""A pipeline that asks."""

from uuid import UUID

from django.utils import timezone

from consent.acts.enrol_pipeline import Access, enrol_pipeline
from consent.reads.checks import check
from consent.reads.pipelines import Asker, pipeline_of_key
from consent.rules.reasons import Decision
from service import tokens

PURPOSE = "ai_training"


def asker() -> tuple[Asker, str]:
    """A fresh pipeline and its key."""
    key = tokens.fresh(tokens.PIPELINE)
    enrol_pipeline(Access("bench", (PURPOSE,), "research"), secret=key, at=timezone.now())
    found = pipeline_of_key(key, at=timezone.now())
    if found is None:
        raise RuntimeError("the key just made is not known")
    return found, key


def excluded(images: list[UUID]) -> bool:
    """Whether every answer excludes."""
    pipeline, _ = asker()
    keys = [str(image) for image in images]
    answer = check(pipeline, purpose=PURPOSE, by="image", keys=keys, at=timezone.now())
    return all(each.decision is Decision.EXCLUDED for each in answer.decisions)

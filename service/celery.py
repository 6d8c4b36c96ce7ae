"""Celery: messages are hints. A lost one costs a sweep's interval, never a withdrawal."""

import os
import sys

from celery import Celery
from celery.schedules import crontab
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "service.settings")

from django.conf import settings

DELIVERIES = "deliveries"  # the queue of what leaves for webhooks
VISIBILITY = 120  # seconds; longer than any task, or a task would run twice (faults, section 9)

app = Celery("service")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_transport_options={
        "visibility_timeout": VISIBILITY,
        "unacked_restore_interval": 10,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": not settings.REDIS_URL.startswith("redis+socket"),
        "health_check_interval": 25,
        "global_keyprefix": "reg:",
        "max_retries": 1,
    },
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,
    task_acks_late=True,
    task_reject_on_worker_lost=False,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_time_limit=60,
    task_soft_time_limit=45,
    task_publish_retry=False,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_hijack_root_logger=False,
    timezone="UTC",
    # Whoever posts to strangers' endpoints needs a way out, and whoever decodes strangers' pictures must have none.
    task_routes={"service.tasks.deliver": {"queue": DELIVERIES}},
    beat_schedule={
        "sweep": {"task": "service.tasks.sweep", "schedule": 15.0},
        "disclosures": {"task": "service.tasks.log_disclosures", "schedule": crontab(minute="3")},
        "tidy": {"task": "service.tasks.tidy", "schedule": crontab(minute="7")},
    },
)
app.autodiscover_tasks(["service"])


@worker_init.connect
def refuse_to_start_drifted(**_: object) -> None:
    """A worker whose libraries make other fingerprints or views stops, instead of quietly changing hashes.

    It exits: any other exception of a signal's receiver is logged by Celery, and the worker goes on.
    """
    from consentkit.fingerprints import golden

    try:
        golden.check()
    except golden.Drifted as drift:
        sys.exit(f"The worker stops: {drift}")

# One image for web, worker, beat, publisher and bootstrap: docker-compose.yml gives each its command.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONPATH=/srv/registry \
    DJANGO_SETTINGS_MODULE=service.settings \
    REGISTRY_HOME=/var/lib/registry \
    CHECKPOINT_DIR=/var/lib/checkpoint

WORKDIR /srv/registry

# The lock first: this layer is made anew only when the lock changes.
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes --no-deps --requirement requirements.txt

COPY client client
RUN pip install --no-cache-dir --no-deps --no-build-isolation ./client

# Libraries that would make other fingerprints stop the build, not the registry.
RUN python -c "from consentkit.fingerprints import golden; golden.check()"

COPY manage.py ./
COPY registry registry
COPY consent consent
COPY service service

# A fresh named volume takes its owner from the folder it is mounted over, so each of them exists here.
RUN useradd --uid 10001 --home-dir /var/lib/registry --shell /usr/sbin/nologin registry \
    && install -d -o registry -g registry -m 0700 \
        /var/lib/registry /var/lib/registry/images /var/lib/registry/snapshots /var/lib/checkpoint /var/lib/beat

USER registry
EXPOSE 8000
CMD ["python", "-m", "gunicorn", "--config", "python:service.gunicorn", "--bind=0.0.0.0:8000"]

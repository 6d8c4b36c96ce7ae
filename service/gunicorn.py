"""The web server: threads, because requests wait for PostgreSQL; preloaded, so that the golden vectors run once."""

from service import reserve

wsgi_app = "service.wsgi:application"
worker_class = "service.threaded.Worker"
workers = 2
threads = reserve.THREADS  # a slow client holds one, and no connection; service/deadlines.py ends it
preload_app = True
timeout = 60
graceful_timeout = 10
keepalive = 5
limit_request_field_size = 16_384
forwarded_allow_ips = "*"  # only the proxy of the compose file can reach us; on one machine we listen to loopback
forwarder_headers = ""  # and a proxy passes on what clients send: PATH_INFO as a header would lead elsewhere
accesslog = None  # addresses and paths of people are not kept

"""The Django project and every edge: what people, pipelines and stewards reach.

NumPy is told to use one thread in each process, before anything imports it: its threads would wait for each other on
the small matrices of views (measured on two busy cores: 620 ms to protect an image, 70 with one).
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

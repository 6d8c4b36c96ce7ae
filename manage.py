#!/usr/bin/env python3
"""The registry's commands. Each takes `--home DIR`, which is read here, before Django's settings load."""

import os
import sys

from service.home import prepared


def main() -> int:
    """Run one command on a home, with its servers started where none run and none are given."""
    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "service.settings")
    with prepared(sys.argv) as argv:
        execute_from_command_line(argv)
    return 0


if __name__ == "__main__":
    sys.exit(main())

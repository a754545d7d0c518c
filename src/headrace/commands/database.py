"""The main of a short-lived process that brings the database up to date, and lets the first owner in. Silent where
nothing is to be done."""

from __future__ import annotations

import os
import sys

from headrace.backends.children import die_with_parent
from headrace.commands.terminal import complain, say


def migrate() -> int:
    """Apply the migrations that are missing; the number of them."""
    import django
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    django.setup()
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        say(f"Preparing the database ({missing} steps) …")
        call_command("migrate", verbosity=0, interactive=False)
    connection.close()
    return missing


def invite_owner(address: str = "") -> None:
    """Print the one-time link for the first owner, where people log in and nobody has an account yet."""
    from headrace.commands.users import first_owner_text, public_address
    from headrace.common.conf import get_settings

    settings = get_settings()
    if settings.auth == "required" and (text := first_owner_text(public_address(settings, default=address))):
        say(text)


def main() -> None:
    die_with_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "headrace.config.settings")
    from headrace.errors import HeadraceError

    try:
        migrate()
        invite_owner(*sys.argv[1:2])
    except HeadraceError as error:  # a wrong setting, in words that say what would be right
        complain(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()

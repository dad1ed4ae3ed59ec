"""`make bench`: every benchmark, each as a ratio within this run. ``make bench ARGS=intake`` runs one."""

import argparse
import os
import subprocess
import sys


def main() -> None:
    """Migrate the benchmark's own database, then measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        default=["intake", "processing", "live", "pages", "merging", "matching", "deduplication", "importing", "deciding"],
    )
    names = parser.parse_args().names

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    _migrate()

    import django

    django.setup()
    from benchmarks import deciding, deduplication, importing, intake, live, matching, merging, pages, processing

    reports = {
        "intake": intake.report,
        "processing": processing.report,
        "live": live.report,
        "pages": pages.report,
        "merging": merging.report,
        "matching": matching.report,
        "deduplication": deduplication.report,
        "importing": importing.report,
        "deciding": deciding.report,
    }
    if unknown := set(names) - set(reports):
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(reports)}.")
    for name in names:
        reports[name]()


def _migrate() -> None:
    subprocess.run([sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"], check=True)


if __name__ == "__main__":
    main()

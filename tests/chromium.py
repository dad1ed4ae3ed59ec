"""The browser of the browser tests: the system's Chromium, else Playwright's own.

As a program (`python -m tests.chromium`) it sees to it that there is one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str | None:
    """Return the path of the system's Chromium; None where Playwright's own is to be used."""
    return os.environ.get("HILO_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def main() -> int:
    """Install a Chromium if there is none; return the exit code."""
    if executable() or _is_downloaded():
        return 0
    sys.stdout.write("The browser tests need Chromium, installing it ...\n")
    sys.stdout.flush()
    if _install_by_apt() or _download():
        return 0
    sys.stderr.write("Chromium could not be installed. Install it, or name it with HILO_CHROMIUM=/path/to/chromium.\n")
    return 1


def _install_by_apt() -> bool:
    if not shutil.which("apt-get"):
        return False
    root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if root and not shutil.which("sudo"):
        return False
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = [
        [*root, "apt-get", "update", "-qq"],
        [*root, "apt-get", "install", "-qq", "--yes", "--no-install-recommends", "chromium"],
    ]
    for command in commands:
        if subprocess.run(command, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False).returncode:
            return False
    return executable() is not None


def _is_downloaded() -> bool:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).exists()


def _download() -> bool:
    return subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Run the simulator: ``python -m config.simulator --port 8001 --hilo http://127.0.0.1:8000``."""

import argparse
import sys
from pathlib import Path

import uvicorn

from config.simulator.app import make_app
from config.simulator.configuration import default_path, read
from config.simulator.knocking import Knocker
from config.simulator.mailserver import MailServer
from config.simulator.world import World


def main() -> int:
    """Serve until told to stop. Exits with 2 where the demo was never made."""
    parser = argparse.ArgumentParser(description="Plays every provider of the demo: WhatsApp, Instagram, a mail server, a web page.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001, help="the pages and the providers' API; IMAP and SMTP take the two next ports")
    parser.add_argument("--hilo", default="http://127.0.0.1:8000", help="where Hilo's doors are")
    parser.add_argument("--configuration", type=Path, default=default_path())
    options = parser.parse_args()
    try:
        configuration = read(options.configuration)
    except FileNotFoundError:
        print(f"There is no {options.configuration}: run 'manage.py demo' first.", file=sys.stderr)  # noqa: T201
        return 2
    world = World(configuration, state=options.configuration.with_name("simulator-state.json"))
    mailboxes = {channel.address: channel.secrets["password"] for channel in configuration.channels if channel.kind == "email"}
    mail = MailServer(mailboxes, host=options.host, imap_port=options.port + 1, smtp_port=options.port + 2)
    knocker = Knocker(world, mail, hilo=options.hilo.rstrip("/"), own_url=f"http://{options.host}:{options.port}")
    uvicorn.run(make_app(world, knocker, mail), host=options.host, port=options.port, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m examples.flask_account [--port N] [--tls]``"""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

from werkzeug.serving import make_server

from examples.flask_account import local_tls
from examples.flask_account.app import create_app
from examples.flask_account.seed import seed

FOLDER = Path(".local/demo")


def free_port(wanted: int) -> int:
    """The wanted port, or the next that is free."""
    for port in range(wanted, min(wanted + 100, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit(f"no free port from {wanted} on; name another with --port")


def main() -> None:
    """Serve the demo until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="./run demo", description="A shop's customer account, on this machine."
    )
    parser.add_argument("--port", type=int, default=None, help="8000, or 8443 with --tls")
    parser.add_argument("--tls", action="store_true", help="https with a local certificate authority")
    options = parser.parse_args()
    wanted = options.port or (8443 if options.tls else 8000)
    port = free_port(wanted)
    scheme = "https" if options.tls else "http"
    base_url = f"{scheme}://localhost:{port}"
    app = create_app(base_url, FOLDER)
    email, password = seed(app, FOLDER)
    context = local_tls.context(Path(".local/ca")) if options.tls else None
    server = make_server("127.0.0.1", port, app, threaded=True, ssl_context=context)
    if port != wanted:
        print(f"Port {wanted} is busy, so this is {port}.")
    print(f"\n  {base_url}\n")
    print(f"  sign in as   {email}\n  password     {password}")
    print(f"  every mail   {base_url}/dev/outbox\n")
    if options.tls:
        authority = local_tls.authority(Path(".local/ca"))
        print(
            "  To see no warning, add this authority to your browser (Settings, Certificates, Authorities);"
        )
        print(f"  it can speak for localhost only:  {authority}")
        print(f"  or try  curl --cacert {authority} {base_url}/\n")
    print("Ctrl-C ends it. Everything it keeps is under .local/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()

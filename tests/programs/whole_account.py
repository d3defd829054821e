"""The whole account in a Flask app of ten lines. Run it in an empty folder."""

from flask import Flask
from secureacct.flask import SecureAcct, require_account, sign_in_required   # re-export of secureacct.web.flask

secureacct = SecureAcct()

def create_app() -> Flask:
    app = Flask(__name__)
    app.config.update(
        SECUREACCT_DATABASE_URL="sqlite:///app.db",
        SECUREACCT_KEYRING="keyring.json",
        SECUREACCT_BASE_URL="https://localhost:8443",
    )
    secureacct.init_app(app)                         # pages under /account/

    @app.get("/")
    @sign_in_required
    def home() -> str:
        return f"Hello {require_account().email}"

    return app

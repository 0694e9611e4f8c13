"""What went wrong with signing in at Google, in the port's words: the same for each of its databases."""

from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

from fabio.adapters.redact import KNOWN
from fabio.adapters.sinks.port import SinkAway, SinkUnusable

SIGN_IN = ("sign in: `gcloud auth application-default login`, or name the file of a service account in "
           "GOOGLE_APPLICATION_CREDENTIALS")


def login_failure(error: GoogleAuthError) -> SinkAway | SinkUnusable:
    """Say whether waiting may help, or a person has to sign in."""
    words = KNOWN.detail(str(error))
    is_passing = error.retryable or type(error).__name__ == "TransportError"
    if is_passing and not isinstance(error, DefaultCredentialsError):
        return SinkAway(words)
    return SinkUnusable(f"{words}; {SIGN_IN}")

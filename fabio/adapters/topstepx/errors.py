"""What goes wrong between us and the venue, ordered by whose turn it is.

| error | whose turn | what to do |
| --- | --- | --- |
| `ConfigError`: `CredentialsRefused`, `AccountUnfit`, `ContractUnfit` | a person's | say the sentence, stop; no retry |
| `TemporaryError`: `NeverLeft`, `NoAnswer` | nobody's | the same again after `delay_s` |
| `WireError` | the venue's: it broke its contract | count it, keep what was known |
| `PermanentError` | the caller's: the venue understood and says no | do not ask again |
| `BadRequest` | ours: raised before a byte leaves | stop |

A mutation raises none of these but `BadRequest`: its end is an `outcomes.Outcome`.
"""

from fabio.adapters.topstepx.enums import LoginError
from fabio.model.errors import ConfigError

UNKNOWN_LOGIN_PAUSE_S = 60.0
"""Wait after a login that failed without a reason we know."""


class CredentialsRefused(ConfigError):
    """The venue lets us in no more until a person has done something; the text says what."""


class AccountUnfit(ConfigError):
    """No account can be chosen from what the venue lists."""


class ContractUnfit(ConfigError):
    """The venue lists no contract that is the instrument of the configuration."""


class TemporaryError(Exception):
    """It may work later.

    Parameters
    ----------
    delay_s
        Seconds to wait before the next try; 0 leaves it to the caller's own pauses.
    """

    def __init__(self, message: str, delay_s: float = 0.0) -> None:
        super().__init__(message)
        self.delay_s = delay_s


class NeverLeft(TemporaryError):
    """Not one byte of the request left this machine."""


class NoAnswer(TemporaryError):
    """The request may have arrived; what became of it is not known."""


class WireError(Exception):
    """An answer that breaks the protocol: no JSON, no envelope, a field of the wrong type."""


class PermanentError(Exception):
    """The venue understood the question and refused it.

    Parameters
    ----------
    code
        The endpoint's own `errorCode`; None where the refusal is an HTTP status.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class BadRequest(ValueError):
    """Our own request makes no sense on this wire; it was not sent."""


_CURES: dict[int, str] = {
    LoginError.USER_NOT_FOUND:
        "it knows no such user: set TOPSTEP_USERNAME to the platform's login name, which is not the e-mail address",
    LoginError.PASSWORD_VERIFICATION_FAILED:
        "the API key is wrong: make a new one on TopstepX (Settings, API) and set TOPSTEP_API_KEY",
    LoginError.INVALID_CREDENTIALS:
        "user name or API key is wrong: compare TOPSTEP_USERNAME with the platform's login name, make a new key "
        "on TopstepX (Settings, API) and set TOPSTEP_API_KEY",
    LoginError.APP_NOT_FOUND:
        "it asks for an application's login: make an API key on TopstepX (Settings, API) and set TOPSTEP_API_KEY",
    LoginError.APP_VERIFICATION_FAILED:
        "it asks for an application's login: make an API key on TopstepX (Settings, API) and set TOPSTEP_API_KEY",
    LoginError.INVALID_DEVICE:
        "it does not accept this device: sign in on the TopstepX platform from it once, then start again",
    LoginError.AGREEMENTS_NOT_SIGNED:
        "agreements are not signed: sign in on the TopstepX platform, accept them, then start again",
    LoginError.API_SUBSCRIPTION_NOT_FOUND:
        "API access is not active: subscribe to it on TopstepX (Settings, API), then start again",
    LoginError.API_KEY_AUTHENTICATION_DISABLED:
        "logging in by API key is switched off for this user: ask TopstepX's support to switch it on",
}
# LoginError -> what is wrong, and the cure


def login_refusal(code: int, user_name: str, message: str) -> CredentialsRefused | TemporaryError:
    """Say why a login failed and what to do.

    Parameters
    ----------
    code
        `errorCode` of `/api/Auth/loginKey`.
    message
        The venue's own words, without secrets; empty where it gave none.

    Returns
    -------
    CredentialsRefused or TemporaryError
        The first where a person has to act, the second where another try may work: codes 8 and unknown ones.
    """
    says = f' It says: "{message}".' if message else ""
    cure = _CURES.get(code)
    if cure is not None:
        return CredentialsRefused(f"TopstepX refuses user {user_name!r}: {cure}.{says}")
    return TemporaryError(
        f"the login of {user_name!r} failed at TopstepX without a reason we know (error {code}); "
        f"if it stays, sign in on the platform and look.{says}",
        delay_s=UNKNOWN_LOGIN_PAUSE_S,
    )

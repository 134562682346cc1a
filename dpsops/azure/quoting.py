"""What may be quoted of a failure that no service has answered, and of what programs such as `az` print.

Libraries write what they were given into the messages of their exceptions (a header that cannot be sent, an address with a
password), azure-identity copies those messages and the output of programs into its own, and all of them log both. So a message is
quoted only if it comes from somewhere that has no secret, and then without whatever looks like one.
"""

from __future__ import annotations

import logging
import re

import requests
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from dpsops.azure.error_documents import one_line, without_secrets

_RUN = re.compile(r"[\w~+/=.-]{20,}")
_RANDOM = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d).*|[0-9A-Fa-f]{32,}")
"""What is random: letters of both kinds and digits, without a break; or many hexadecimal digits. Client secrets, tokens of GitHub
and headers of managed identities are; codes and identifiers of Azure are not."""

_COPIED = re.compile(r"(Authentication failed): (?!AADSTS\d).*", re.DOTALL)
"""How azure-identity begins the copy of a message of any exception."""

_OUTPUT = re.compile(r"(Unexpected (?:response|output|content)\b[^:'\"{\[<]*?)\s*[:'\"{\[<].*", re.DOTALL)
"""How azure-identity begins the copy of an answer, or of what a program has printed."""

_QUERY = re.compile(r"(\burl: [^\s?]*)\?\S*")
_USER = re.compile(r"(\w://)[^\s/@]*@")


def said(text: str) -> str:
    """A text of azure-identity, MSAL or a program, without what may be a secret."""
    for copied in (_COPIED, _OUTPUT):
        text = copied.sub(r"\1", text)
    text = _addresses(without_secrets(text))
    return _RUN.sub(lambda run: "(not shown)" if _RANDOM.fullmatch(run[0]) else run[0], text)


def of_sign_in(error: ClientAuthenticationError) -> str:
    """One line about a sign-in that has failed."""
    line, cause = one_line(said(error.message)), error.__cause__
    if _COPIED.search(error.message) is None or cause is None:
        return line
    return f"{line} ({why(cause)})"


def of_network(error: ServiceRequestError | ServiceResponseError) -> str:
    """One line about a connection that has failed."""
    cause = error.inner_exception
    return of_request(cause) if isinstance(cause, requests.RequestException) else one_line(_addresses(error.message))


def of_request(error: requests.RequestException) -> str:
    """The same, from the error of the HTTP library."""
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return one_line(_addresses(str(error)))
    return type(error).__name__  # the others quote a header or an address


def why(error: BaseException) -> str:
    """What an exception is, without what it was given."""
    match error:
        case ClientAuthenticationError() if error.response is None:
            return of_sign_in(error)
        case HttpResponseError():
            return f"{type(error).__name__}, status {error.status_code}"
        case ServiceRequestError() | ServiceResponseError():
            return of_network(error)
        case AzureError():
            return type(error).__name__
        case OSError() if error.strerror:
            return ": ".join(str(each) for each in (error.filename, error.strerror) if each)
    return type(error).__name__


def _addresses(text: str) -> str:
    """A text whose addresses have no user, password or query."""
    return _USER.sub(r"\1", _QUERY.sub(r"\1", text))


class DiscreetFormatter(logging.Formatter):
    """Lines of a log: of exceptions what they are, without their messages; and no tracebacks, which have those too."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        given = record.args
        if isinstance(given, tuple):
            given = tuple(why(each) if isinstance(each, BaseException) else each for each in given)
        plain = logging.LogRecord(record.name, record.levelno, record.pathname, record.lineno, record.msg, given, None)
        if isinstance(record.msg, BaseException):
            plain.msg, plain.args = why(record.msg), None
        line = super().format(plain)
        return line if record.name.startswith("dpsops.") else said(line)

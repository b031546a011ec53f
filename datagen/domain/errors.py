"""Everything DataGen can report to a person, drawn once.

::

    DatagenError
    ├── SettingsError        the environment is wrong; lists every problem
    ├── InputError           400  what was sent does not fit; one Problem per field
    ├── SignInFailed         401  user name or password wrong (never says which)
    ├── SessionEnded         401  no session, or one that ended
    ├── NotAllowed           403  signed in, but not for this
    ├── NotThere             404  does not exist, or belongs to somebody else
    ├── Conflict             409  the state of things forbids it
    │   └── TooWide          409  a dataset has more columns than a table can have
    ├── TooManyTries         429  wait first; ``retry_after`` seconds
    ├── MailRefused          502  a mail did not leave; it can be sent again
    ├── MailNotConfigured    503  this DataGen sends no mail
    ├── StoreError           503  the store can't be read or written now
    │   ├── StoreFull        503  no room left on its disk
    │   ├── StoreUnconfirmed 503  stored on this node; no other has confirmed it yet
    │   └── CutOff           503  no other replica is heard, and nobody let in meanwhile
    └── ModelError           502  the model server; ``advice`` says what to do
        ├── ModelUnreachable      no connection, or no answer in time
        │   └── AddressForbidden  no model server of a person may be there
        ├── ModelOverloaded       429, 503, "rate_limited"; ``retry_after`` seconds
        ├── ModelRefused          the key or the permission was refused
        ├── ModelRejected         the request was not accepted (4xx)
        │   └── ModelUnknown      the server has no model of that name; ``offers`` others
        ├── ModelFailed           the server broke (5xx, "failed", "error")
        └── ReplyUnusable         an answer came, but there is nothing usable in it

A message says what happened and what the reader can do; it never holds a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong, and where."""

    path: str  # dotted path of the field, e.g. ``items[].price``; "" for the whole
    message: str  # a sentence for the person who can mend it


class DatagenError(Exception):
    """Root of all errors DataGen raises on purpose."""


class SettingsError(DatagenError):
    """The environment does not describe a working replica."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class InputError(DatagenError):
    """What a person or script sent does not fit."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class SignInFailed(DatagenError):
    """User name or password is wrong; the message never says which."""

    def __init__(self, message: str, *, account: str | None = None) -> None:
        super().__init__(message)
        self.account = account  # for the audit log alone: the account that was tried, if any


class SessionEnded(DatagenError):
    """There is no session, or it ended."""


class NotAllowed(DatagenError):
    """The acting user may not do this."""


class NotThere(DatagenError):
    """Nothing by this name, or it belongs to somebody else."""


class Conflict(DatagenError):
    """The state of things forbids it; the message says what would help."""


class TooWide(Conflict):
    """A dataset has more columns than a table, or a page, can have."""


class TooManyTries(DatagenError):
    """Too often in too short a time; nothing was done."""

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds


class MailRefused(DatagenError):
    """The mail server was not reached, or did not take the mail."""


class MailNotConfigured(DatagenError):
    """This DataGen sends no mail."""

    def __init__(self, message: str = "This DataGen sends no mail, so nobody can sign up. Ask "
                                      "who runs it for an account.") -> None:
        super().__init__(message)


class StoreError(DatagenError):
    """The store can't be read or written now; nothing stored was lost."""

    passing = False  # whether it may go well if it is said again at once


class StoreFull(StoreError):
    """The disk that holds the store is full."""


class StoreUnconfirmed(StoreError):
    """The value is stored on this node, but no other node has confirmed it yet."""


class CutOff(StoreError):
    """No other replica is heard, and this one shall let nobody in meanwhile."""


class ModelError(DatagenError):
    """The model server did not give an answer that can be used."""

    advice = "Check the model server and try again."


class ModelUnreachable(ModelError):
    """No connection, or no answer in time."""

    advice = "Check that the model server runs and that its address is right."


class AddressForbidden(ModelUnreachable):
    """A person's model server may not be there; nothing was sent."""

    advice = ""  # the message says it


class ModelOverloaded(ModelError):
    """The server asks us to slow down."""

    advice = "The model server is overloaded. Wait, or lower DATAGEN_MAX_IN_FLIGHT."

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds, where the server said so


class ModelRefused(ModelError):
    """The key or the permission was refused."""

    advice = "Check the key, in the model profile or in DATAGEN_INFERENCE_API_KEY."


class ModelRejected(ModelError):
    """The request was not accepted as it is."""

    advice = "The model server does not take this request. Check model, path and parameters."


class ModelUnknown(ModelRejected):
    """The server has no model of the name that was sent."""

    advice = "Correct the model's name, in the model profile or in DATAGEN_INFERENCE_MODEL."

    def __init__(self, message: str, *, offers: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.offers = tuple(offers)  # the server's own words: hostile text
        if self.offers:
            self.advice = f"It offers {', '.join(self.offers)}. {ModelUnknown.advice}"


class ModelFailed(ModelError):
    """The server broke while answering."""

    advice = "The model server failed. Look at its log, then try again."


class ReplyUnusable(ModelError):
    """An answer came, but nothing in it can be used."""

    advice = "The model answered with something unusable. Try again or use a stronger model."

    def __init__(self, message: str, *, cut: bool = False) -> None:
        super().__init__(message)
        self.cut = cut  # the tokens were used up: with more of them there may be an answer

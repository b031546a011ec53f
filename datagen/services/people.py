"""Who is behind the accounts: name and e-mail, from wherever they were kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from datagen.domain.users import Account
from datagen.protocol.people import People

MAX_SHOWN = 200  # characters of a name or an address


@dataclass(frozen=True, kw_only=True)
class Person:
    """What is known of one account's owner."""

    name: str | None = None
    email: str | None = None
    country: str | None = None
    mail_failed_at: datetime | None = None  # the mail with the first password did not leave


class Directory:
    """Finds the people behind accounts. Raises StoreError."""

    def __init__(self, people: People) -> None:
        self._people = people

    def known(self, accounts: Iterable[Account]) -> dict[str, Person]:
        """By user name: what was said at sign-up, else what the account itself says."""
        users = self._people.users()
        hints = {name: email for email, name in self._people.emails().items()}
        waiting = {failure.username: failure.failed_at
                   for failure in self._people.mail_failures().values()
                   if failure.status in {"pending", "expired"}}
        found = {}
        for account in accounts:
            user, said = users.get(account.name), account.metadata
            found[account.name] = Person(
                name=(user and user.name) or _text(said.get("name")),
                email=(user and user.email) or _text(said.get("email"))
                or hints.get(account.name),
                country=(user and user.country) or _text(said.get("country")),
                mail_failed_at=waiting.get(account.name),
            )
        return found

    def knows(self, email: str, accounts: Iterable[Account]) -> bool:
        """Whether one of the accounts has this e-mail, by any of the places it may be in."""
        return any(person.email and person.email.lower() == email
                   for person in self.known(accounts).values())


def _text(value: object) -> str | None:
    """A text that can be shown."""
    return value[:MAX_SHOWN] if isinstance(value, str) and value else None

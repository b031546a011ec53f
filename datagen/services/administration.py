"""What admins do with accounts; for everybody else none of it is there."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from datagen.domain.errors import Conflict, NotThere
from datagen.domain.users import Account, Role, User
from datagen.services.accounts import Accounts, Made, canonical
from datagen.services.audit import Audit
from datagen.services.jobs import Jobs
from datagen.services.people import Directory, Person


@dataclass(frozen=True, kw_only=True)
class JobCounts:
    """How much somebody does, and nothing of what."""

    jobs: int = 0
    open: int = 0
    records: int = 0  # made, failed ones too


@dataclass(frozen=True, kw_only=True)
class Member:
    """One account as admins see it."""

    account: Account
    person: Person
    counts: JobCounts


def must_be_admin(user: User) -> None:
    """Raises NotThere: who is none learns nothing, not even that there is something."""
    if user.role != "admin":
        raise NotThere("There is no such address here.")


class Administration:
    """Every method takes the acting user. Raises NotThere, StoreError."""

    def __init__(
        self, *, accounts: Accounts, directory: Directory, jobs: Jobs, audit: Audit
    ) -> None:
        self._accounts, self._directory, self._jobs = accounts, directory, jobs
        self._audit = audit
        self._one_by_one = threading.Lock()  # who takes admins away: one of them has to stay

    def members(self, user: User, search: str = "") -> list[Member]:
        """All accounts by name; or those in whose name, e-mail or country the text occurs."""
        must_be_admin(user)
        accounts, counts = self._accounts.list(), self._counts()
        people, text = self._directory.known(accounts), search.strip().lower()
        found = [Member(account=one, person=people[one.name],
                        counts=counts.get(one.name, JobCounts())) for one in accounts]
        return [one for one in found if text in _words(one)]

    def create(self, user: User, name: str, role: Role) -> Made:
        """A new account with a password that its owner has to change.

        Raises InputError, Conflict.
        """
        must_be_admin(user)
        made = self._accounts.create(name, role=role)
        self._audit.note("account created", user, f"{made.account.name} ({role})")
        return made

    def reset(self, user: User, name: str) -> str:
        """A new password, which its owner has to change. Raises Conflict for one's own."""
        must_be_admin(user)
        self._not_oneself(user, name, "change your own password on your account page.")
        made = self._accounts.reset(name, must_change=True)
        self._audit.note("password reset", user, canonical(name))
        return made

    def deactivate(self, user: User, name: str) -> Account:
        """Nobody can sign in with it. Raises Conflict for oneself and for the last admin."""
        must_be_admin(user)
        self._not_oneself(user, name, "another admin can deactivate you.")
        with self._one_by_one:
            self._not_the_last(name)
            account = self._accounts.deactivate(name)
        self._audit.note("account deactivated", user, account.name)
        return account

    def set_role(self, user: User, name: str, role: Role) -> Account:
        """Raises InputError, and Conflict for oneself and for the last admin."""
        must_be_admin(user)
        self._not_oneself(user, name, "another admin can change your role.")
        with self._one_by_one:
            if role != "admin":
                self._not_the_last(name)
            account = self._accounts.update(name, role=role)
        self._audit.note("role changed", user, f"{account.name} ({role})")
        return account

    def _not_oneself(self, user: User, name: str, instead: str) -> None:
        if canonical(name) == user.name:
            raise Conflict(f"This is your own account: {instead}")

    def _not_the_last(self, name: str) -> None:
        admins = {one.name for one in self._accounts.list() if one.role == "admin" and one.active}
        if admins == {canonical(name)}:
            raise Conflict("This is the last admin: make somebody else admin first.")

    def _counts(self) -> Mapping[str, JobCounts]:
        return {owner: JobCounts(jobs=len(views), open=sum(not view.job.is_over for view in views),
                                 records=sum(view.progress.done for view in views))
                for owner, views in self._jobs.snapshot().by_owner.items()}


def _words(member: Member) -> str:
    person = member.person
    return " ".join(filter(None, (member.account.name, person.name, person.email,
                                  person.country))).lower()

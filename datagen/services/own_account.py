"""What everybody may do with their own account, and what is noted of it."""

from __future__ import annotations

from datagen.domain.errors import InputError, NotThere, Problem
from datagen.domain.users import Session, User
from datagen.services.accounts import Accounts
from datagen.services.audit import Audit
from datagen.services.delays import Delays
from datagen.services.open_sessions import OpenSession, OpenSessions


class OwnAccount:
    """Safe to call from any thread; blocks. Raises StoreError."""

    def __init__(
        self, *, accounts: Accounts, opened: OpenSessions, audit: Audit, delays: Delays
    ) -> None:
        self._accounts, self._opened, self._audit = accounts, opened, audit
        self._delays = delays

    def change_password(self, user: User, current: object, new: object) -> tuple[str, Session]:
        """All sessions end; answers the token and session of a new one.

        Raises InputError, and TooManyTries for who guesses the current one.
        """
        if not isinstance(current, str) or not isinstance(new, str):
            raise InputError("Send the current password and a new one.", [
                Problem(path=path, message="This must be a text.")
                for path, value in (("currentPassword", current), ("newPassword", new))
                if not isinstance(value, str)])
        name, address = f"password of {user.name}", user.address or ""
        self._delays.begin(name, address, None)
        try:
            token, session = self._accounts.change_password(user, current, new)
        except InputError as exc:
            if any(one.path == "currentPassword" for one in exc.problems):
                self._audit.failed(user.name, address)  # a guess, as at the sign-in
            raise
        self._delays.succeeded(name, address, None)
        self._audit.note("password changed", user)
        return token, session

    def sessions(self, user: User) -> list[OpenSession]:
        """Those that were opened on this replica and still hold, newest first."""
        ended = self._accounts.get(user.name).ended_at
        since = ended.timestamp() if ended else 0.0
        return [one for one in self._opened.of(user.name)
                if int(one.opened_at.timestamp()) >= int(since)
                and not self._accounts.is_ended(one.id)]

    def end_session(self, user: User, session_id: str) -> None:
        """End one of them. Raises NotThere."""
        found = next((one for one in self.sessions(user) if one.id == session_id), None)
        if found is None:
            raise NotThere("You have no such session here.")
        self._accounts.end_session(found.id, found.expires_at)
        self._audit.note("sessions ended", user, "one")

    def end_all_sessions(self, user: User) -> None:
        """End every session, this one too, wherever it was opened."""
        self._accounts.end_sessions(user)
        self._audit.note("sessions ended", user, "all")

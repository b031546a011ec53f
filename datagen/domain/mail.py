"""A mail that we send."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Mail:
    """Plain text to one person."""

    to: str  # one address, checked
    subject: str
    text: str = field(repr=False)  # may hold a password


def welcome(email: str, username: str, password: str) -> Mail:
    """The first password of somebody who signed up.

    It repeats nothing they typed: whoever signs up with somebody else's address must not
    write to them through us.
    """
    return Mail(to=email, subject="Your DataGen account", text=f"""\
Hello,

somebody, most likely you, signed up for DataGen with this address.

  User name  {username}
  Password   {password}

Sign in where you signed up. You will be asked to choose a password of your own.

If this was not you, ignore this mail: nobody else has the password.
""")

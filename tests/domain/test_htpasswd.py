"""Which lines of a password file become accounts, and what the others are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain import htpasswd

GOOD = "$2y$05$1mNlqzSfTUvDI9fDKuDW3uNZPuDTQqXpaZ7kAnLeF1CdtXvUT0Ose"


def refused(text: str) -> htpasswd.Refusal:
    entries, refusals = htpasswd.parse(text)
    assert not entries
    assert len(refusals) == 1
    return refusals[0]


def test_bcrypt_lines_are_taken_comments_and_empty_lines_passed_over() -> None:
    text = f"\ufeff# people\r\n\r\nAnn:{GOOD}\r\nbob:{GOOD.replace('$2y', '$2a')}:a note\r\n"
    entries, refusals = htpasswd.parse(text)

    assert [(e.line, e.name) for e in entries] == [(3, "ann"), (4, "bob")]
    assert not refusals
    assert GOOD not in repr(entries)


@pytest.mark.parametrize(("stored", "kind"), [
    ("$apr1$abcdefgh$1234567890123456789012", "apr1 (MD5)"),
    ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{SHA} (SHA-1)"),
    ("{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{SSHA}"),
    ("$1$abcdefgh$1234567890123456789012", "crypt (MD5)"),
    ("$5$salt$hash", "crypt (SHA-256)"),
    ("$6$salt$hash", "crypt (SHA-512)"),
    ("$y$j9T$salt$hash", "yescrypt"),
    ("$argon2id$v=19$m=65536", "argon2"),
    ("rqXexS6ZhobKA", "crypt (DES) or plain text"),
    ("my cat's name", "plain text"),
    ("realm:0123456789abcdef0123456789abcdef", "htdigest (MD5)"),
    (GOOD.replace("$2y", "$2x"), "bcrypt $2x$"),
    ("$9$new", "unknown kind"),
    (GOOD[:-1], "damaged"),
    (GOOD + "x", "damaged"),
    ("", "no password"),
    (GOOD.replace("$05", "$31"), "cost 31"),
    (GOOD.replace("$05", "$14"), "cost 14"),
    (GOOD.replace("$05", "$03"), "cost 3"),
])
def test_every_other_kind_is_refused_by_name_and_line(stored: str, kind: str) -> None:
    refusal = refused(f"\nann:{stored}\n")

    assert (refusal.line, refusal.name) == (2, "ann")
    assert kind in refusal.reason
    assert not stored or stored not in refusal.reason


@pytest.mark.parametrize("line", [f"x:{GOOD}", f"a b c:{GOOD}", f":{GOOD}", GOOD, f"é{GOOD}",
                                  f"{'n' * 65}:{GOOD}", f"\x1b[2Jann:{GOOD}"])
def test_what_is_no_user_name_is_refused(line: str) -> None:
    assert GOOD not in str(refused(line))


def test_the_second_line_of_one_person_is_refused() -> None:
    entries, refusals = htpasswd.parse(f"ann:{GOOD}\nANN:{GOOD}")
    assert [e.line for e in entries] == [1]
    assert "Line 1" in refusals[0].reason


def test_a_refused_first_line_does_not_let_a_second_one_in() -> None:
    entries, refusals = htpasswd.parse(f"ann:plain\nann:{GOOD}")
    assert not entries
    assert len(refusals) == 2


def test_a_file_without_end_is_cut() -> None:
    _, refusals = htpasswd.parse("ann:x\n" * (htpasswd.MAX_LINES + 5))
    assert len(refusals) == htpasswd.MAX_LINES + 1
    assert "Split it" in refusals[-1].reason


@given(st.text(alphabet=st.sampled_from("$2aby05:/.An\r\n{}# \x00é"), max_size=80))
def test_any_text_is_read(text: str) -> None:
    entries, refusals = htpasswd.parse(text)
    assert all(htpasswd.cost(entry.bcrypt) for entry in entries)
    assert all(refusal.reason for refusal in refusals)


def test_a_cost_in_digits_that_bcrypt_does_not_read_is_no_cost() -> None:
    assert "damaged" in refused(f"ann:{GOOD.replace('$05$', '$٠٥$')}").reason

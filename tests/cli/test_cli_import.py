"""``accounts import``: a file from Apache's own documentation, looked at and taken over."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from datagen import cli, settings
from datagen.bootstrap import build

# What the manual of htpasswd shows for the password "myPassword".
FILE = """myName:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC
bob:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/
eve\x1b[2J:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("DATAGEN_", "R1EN_", "EE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATAGEN_DATA_DIR", str(tmp_path / "data"))
    path = tmp_path / "users.htpasswd"
    path.write_text(FILE)
    return path


def test_the_dry_run_comes_first_and_then_people_sign_in(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["accounts", "import", str(file)]) == 3
    said = capsys.readouterr().out
    assert "line 1: myname  would be made" in said
    assert "line 2: 'bob'  refused. apr1 (MD5)" in said
    assert "line 3:" in said
    assert "\x1b" not in said
    assert "1 to be made, 0 there already, 2 refused." in said
    assert "--apply" in said
    for line in FILE.splitlines():
        assert line.split(":")[1] not in said

    assert cli.main(["accounts", "import", str(file), "--apply"]) == 3
    assert "line 1: myname  made" in capsys.readouterr().out
    assert cli.main(["accounts", "list"]) == 0
    assert "has not signed in yet" in capsys.readouterr().out
    services = build(settings.load())
    assert services.accounts.sign_in("myName", "myPassword")
    services.close()

    assert cli.main(["accounts", "import", str(file), "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert report["existing"] == [{"line": 1, "username": "myname"}]
    assert (report["new"], len(report["refused"])) == ([], 2)


def test_a_file_that_is_not_there_is_said(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["accounts", "import", str(file) + ".old"]) == 1
    assert "can't be read" in capsys.readouterr().err

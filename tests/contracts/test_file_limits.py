"""What every FileStore refuses; saying it again would not help."""

from __future__ import annotations

import io

import pytest

from datagen.domain.errors import StoreError
from datagen.ports import FileStore


def test_a_file_larger_than_it_may_be_is_not_given(files: FileStore) -> None:
    cid = files.add(io.BytesIO(b"x" * 1000), "data.bin")
    with files.open(cid, most=1000) as stream:
        assert len(stream.read()) == 1000
    with pytest.raises(StoreError):
        files.open(cid, most=999)

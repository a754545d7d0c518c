"""Secrets at rest: sealed as they are assigned, opened under any key, lost with the keys; the files that keep keys."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from headrace.common import keyfile
from headrace.common.conf import SettingError
from headrace.common.encryption import Sealed, SealError
from headrace.common.fields import SealedField
from headrace.common.keyfile import read_or_make

SECRET = "sk-sesame"


@pytest.fixture
def use_keys(headrace_settings: Any) -> Callable[..., None]:
    def use(*keys: str) -> None:
        headrace_settings.HEADRACE = {"SECRET_KEYS": list(keys)}

    return use


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_sealed_is_revealed(text: str) -> None:
    sealed = Sealed.of(text)
    assert sealed.reveal() == text
    assert bool(sealed) is bool(text)
    assert len(text) < 6 or text not in sealed.token


def test_a_sealed_secret_shows_nothing() -> None:
    sealed = Sealed.of(SECRET)
    assert SECRET not in f"{sealed!r} {sealed} {vars(type(sealed))} {sealed.token}"
    assert repr(Sealed()) == "<empty>"


def test_keys_rotate(use_keys: Callable[..., None]) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    use_keys(old)
    sealed = Sealed.of(SECRET)
    use_keys(new, old)
    assert sealed.reveal() == SECRET
    renewed = sealed.resealed()
    use_keys(new)
    assert renewed.reveal() == SECRET
    with pytest.raises(SealError, match="enter it again") as caught:
        sealed.reveal()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_changed_token_is_refused() -> None:
    token = Sealed.of(SECRET).token
    for broken in (token[:-4], token[:20] + ("A" if token[20] != "A" else "B") + token[21:], "plain", "é"):
        with pytest.raises(SealError):
            Sealed(broken).reveal()


@pytest.mark.parametrize("key", ["short", "not base64 at all!", "A" * 43])
def test_a_wrong_key_says_how_to_make_one(use_keys: Callable[..., None], key: str) -> None:
    use_keys(key)
    with pytest.raises(SettingError, match=r"Fernet\.generate_key") as caught:
        Sealed.of(SECRET)
    assert key not in str(caught.value)


def test_the_field_seals_on_assignment() -> None:
    from headrace.llm.models import ModelConfiguration

    row = ModelConfiguration(name="a", sealed_key=SECRET)
    assert isinstance(row.sealed_key, Sealed)
    assert SECRET not in repr(row.__dict__)
    row.sealed_key = ""
    assert row.sealed_key == Sealed()
    field = row._meta.get_field("sealed_key")
    assert isinstance(field, SealedField)
    assert field.formfield() is None
    with pytest.raises(Exception, match="cannot be searched"):
        ModelConfiguration.objects.filter(sealed_key__contains="s")


def test_the_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key"
    assert read_or_make(path, lambda: SECRET) == SECRET
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["key"]
    assert read_or_make(path, lambda: "another") == SECRET
    path.chmod(0o644)
    read_or_make(path, lambda: "another")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_key_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch()
    with pytest.raises(ValueError, match="is empty"):
        read_or_make(path, lambda: SECRET)


def test_threads_that_start_at_once_agree(tmp_path: Path) -> None:
    found: list[str] = []
    barrier = threading.Barrier(8)

    def start(n: int) -> None:
        def make() -> str:
            barrier.wait(5)  # all have seen that there is no file
            return f"key {n}"

        found.append(read_or_make(tmp_path / "key", make))

    threads = [threading.Thread(target=start, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_no_umask_opens_the_key_file(tmp_path: Path) -> None:
    code = (
        "import os,sys; os.umask(0); from headrace.common.keyfile import read_or_make as r; from pathlib import Path; "
    )
    code += "r(Path(sys.argv[1]), lambda: 'k')"
    environment = os.environ | {"PYTHONPATH": str(Path(keyfile.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a" / "key")], env=environment, check=True)
    assert stat.S_IMODE((tmp_path / "a" / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700

from pathlib import Path
from typing import Any

import pytest

from memos_mcp import settings
from memos_mcp.errors import Misconfigured


def test_arguments_go_before_variables_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memos.toml").write_text('user = "file"\npath = "shared/file"\n[words]\nmemory_mb = 7\n', "utf-8")
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path))
    monkeypatch.setenv("MEMOS_USER", "variable")
    chosen = settings.load(user="argument")
    assert (chosen.user, chosen.path, chosen.words.memory_mb) == ("argument", "shared/file", 7)
    assert settings.load().user == "variable"
    assert chosen.database == tmp_path / "memos.db"


def test_every_value_names_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memos.toml").write_text("[words]\nmemory_mb = 7\n", "utf-8")
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path))
    found = {s.name: s.source for s in settings.explained(user="ada")}
    assert found["user"] == "argument"
    assert found["home"] == "variable"
    assert found["words.memory_mb"] == str(tmp_path / "memos.toml")
    assert found["vault.kind"] == "default"


def test_a_config_file_elsewhere_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.toml").write_text('user = "ben"\n', "utf-8")
    monkeypatch.setenv("MEMOS_CONFIG", str(tmp_path / "other.toml"))
    assert settings.load(home=tmp_path).user == "ben"


def test_a_nested_variable_reaches_its_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_VAULT__READ_ONLY", "true")
    assert settings.load(home=tmp_path).vault.read_only


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour = 1", "unknown setting 'colour'"),
        ("[words]\nspeed = 1", "unknown setting 'words.speed'"),
        ("[words]\nmemory_mb = 0", "words.memory_mb"),
        ("user = 3", "user"),
        ("user = ", "cannot be read"),
    ],
)
def test_a_file_with_a_mistake_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "memos.toml").write_text(text, "utf-8")
    with pytest.raises(Misconfigured, match=says):
        settings.load(home=tmp_path)


def test_an_unknown_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_COLOUR", "green")
    with pytest.raises(Misconfigured, match="MEMOS_COLOUR"):
        settings.load(home=tmp_path)


def test_an_unknown_argument_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="colour"):
        settings.load(home=tmp_path, colour=1)


def test_a_config_variable_that_names_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(Misconfigured, match=r"none\.toml"):
        settings.load()


def test_a_chat_model_needs_a_name() -> None:
    with pytest.raises(Misconfigured, match=r"^reader\.kind is openai: set reader\.model"):
        settings.load(reader={"kind": "openai"})
    assert settings.load(reader={"kind": "openai", "model": "small"}).reader.model == "small"


def test_questions_are_answered_by_the_model_of_the_reader_or_one_of_their_own() -> None:
    reader = {"kind": "openai", "model": "small", "url": "http://one/v1", "key": "k1"}

    def answering(**given: Any) -> tuple[str, str, str] | None:
        its = settings.load(**given).answering
        return its and (its.url, its.model, its.key.get_secret_value())

    assert answering() is None
    assert answering(reader={**reader, "kind": "rules"}) is None
    assert answering(reader=reader) == ("http://one/v1", "small", "k1")
    assert answering(reader=reader, chat={"model": "large"}) == ("http://one/v1", "large", "k1")
    assert answering(chat={"model": "large"}) == ("http://127.0.0.1:11434/v1", "large", "")
    assert answering(reader=reader, chat={"url": "http://two/v1"}) == ("http://two/v1", "small", "")
    assert answering(reader=reader, chat={"url": "http://two/v1", "key": "k2"}) == ("http://two/v1", "small", "k2")
    with pytest.raises(Misconfigured, match=r"set chat\.model to the name"):
        settings.load(chat={"url": "http://two/v1"})


def test_a_key_is_never_shown() -> None:
    every = settings.explained(
        reader={"kind": "openai", "model": "m", "key": "sk-secret"}, embedder={"key": "sk-other"}
    )
    assert not any("sk-" in setting.value for setting in every)
    assert "sk-" not in repr(settings.load(reader={"kind": "openai", "model": "m", "key": "sk-secret"}))

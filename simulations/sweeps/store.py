"""Finished runs on disk: one JSON file each, whole or not there at all.

Each lies in a folder of its own under the name that `rufbus simulate --out` gives it, so
`rufbus compare` can read it.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulations.sweeps.runs import Figures, Job

KPIS = "kpis.json"
_FORMAT = 1


class Store:
    """The finished runs of a folder, by their jobs' keys."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def figures(self, key: str) -> Figures | None:
        """Of a finished run; None if there is none, or its file is of no use."""
        try:
            record = json.loads(self._path(key).read_text(encoding="utf-8"))
        except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError):
            return None
        usable = isinstance(record, dict) and record.get("format") == _FORMAT
        if not usable or record.get("key") != key or not isinstance(record.get("figures"), dict):
            return None
        figures: Figures = record["figures"]
        return figures

    def write(self, job: Job, figures: Mapping[str, Any]) -> None:
        """Keep a run's figures, with what they are figures of."""
        record = {
            "format": _FORMAT,
            "key": job.key,
            "seed": job.seed,
            "inputs": job.inputs,
            "scenario": job.scenario,
            "figures": figures,
        }
        path = self._path(job.key)
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        with part.open("w", encoding="utf-8") as file:
            json.dump(record, file, ensure_ascii=False, indent=1, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def _path(self, key: str) -> Path:
        return self._folder / key / KPIS

"""A `findings.json` written by hand, for tests of how the page shows it: two findings and one that is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def finding(name: str, score: float, *, found: bool = True, direction: int = 1) -> dict[str, Any]:
    measured = {"threshold": 0.25, "precision": 0.93, "recall": 0.875, "mutual_information": 0.41, "correlation": 0.85}
    bounds = {"low": score - 0.02, "high": score + 0.015, "chosen": score + 0.002, "p": 0.001 if found else 0.4}
    return {"name": name, "direction": direction, "score": score, "found": found, **bounds, **measured}


def hypothesis(name: str, about: str, neurons: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    found = any(neuron["found"] for neuron in neurons)
    shape = {
        "name": name,
        "about": about,
        "kind": "answer",
        "share": 0.12,
        "p": 0.001,
        "found": found,
        "measure": "AUC",
    }
    baselines = {
        "untrained": {"name": "rnn.l0.cell.1", "score": 0.71},
        "control": {"name": "rnn.l0.cell.2", "score": 0.55},
        "null": 0.53,
    }
    return {**shape, "neurons": neurons, "probes": [], **baselines, **more}


def sample_findings() -> dict[str, Any]:
    """Of a recording of two layers of at least eight LSTM neurons and 2500 steps."""
    probe = {"neurons": ["rnn.l1.cell.7", "rnn.l0.hidden.2"], "score": 0.985, "control": 0.61}
    quoted = [
        finding("rnn.l1.cell.7", 0.971),
        finding("rnn.l1.cell.4", 0.902, direction=-1),
        finding("rnn.l0.forget_gate.4", 0.8),
    ]
    line = [finding("rnn.l0.cell.5", 0.88), finding("rnn.l1.cell.4", 0.61)]
    vowel = [finding("rnn.l1.cell.2", 0.52, found=False)]
    return {
        "format": "unrolled-findings/1",
        "steps": 2500,
        "chosen": [0, 1250],
        "told": [1250, 2500],
        "neurons": 144,
        "q": 0.05,
        "shifts": 1000,
        "source": {},
        "hypotheses": [
            hypothesis("vowel", "The letter is a, e, i, o or u.", vowel, share=0.3),
            hypothesis(
                "line position",
                "How many letters stand before it in its line.",
                line,
                kind="number",
                measure="correlation",
            ),
            hypothesis("quoted", "Inside quotation marks.", quoted, probes=[probe]),
        ],
    }


def write_findings(trace: Path) -> None:
    (trace / "findings.json").write_text(json.dumps(sample_findings()))

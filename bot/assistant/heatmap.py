"""Draws what is taken for what as a PNG: `python bot/assistant/heatmap.py FILE.png`, JSON on stdin.

`{"title": …, "labels": […], "counts": [[…]]}`, a row for each label that was meant, a column for each that was
understood. It runs in the brain's environment, which has matplotlib as Rasa needs it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def draw(table: dict[str, Any], file: Path) -> None:
    """Write the picture; OSError if the place cannot be written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    labels, counts = table["labels"], table["counts"]
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    side = 3 + 0.32 * len(labels)  # inches
    figure: Any = Figure(figsize=(side, side))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set_xlabel("understood")
    axes.set_ylabel("meant")
    axes.set_title(table["title"], fontsize=10)
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            if count:
                colour = "white" if shares[y][x] > 0.5 else "black"
                axes.text(x, y, str(count), ha="center", va="center", fontsize=6, color=colour)
    figure.tight_layout()
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    try:
        draw(json.load(sys.stdin), Path(sys.argv[1]))
    except OSError as e:
        sys.exit(f"{sys.argv[1]} cannot be written ({e.strerror})")

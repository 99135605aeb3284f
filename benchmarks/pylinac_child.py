"""Run by the Python that has pylinac: analyse each image named on standard input and print times as JSON.

A line of input is a JSON array: path, class of `pylinac.nuclear`, whether reading is timed too, options of its
`analyze()`. What is timed: `analyze()` and `results_data()`. `analyze()` alone leaves the differential uniformity of
a flood, most of the work, to be computed when it is asked for.
"""

import json
import sys
import time
from typing import Any

from pylinac import nuclear


def analysed(path: str, test: str, reading: bool, options: dict[str, Any]) -> dict[str, object]:
    """Return CPU and wall time, and the results."""
    cpu, wall = time.process_time(), time.perf_counter()
    image = getattr(nuclear, test)(path)
    if not reading:
        cpu, wall = time.process_time(), time.perf_counter()
    image.analyze(**options)
    results = image.results_data(as_dict=True)
    return {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall, "results": results}


for line in sys.stdin:
    print(json.dumps(analysed(*json.loads(line)), default=float), flush=True)

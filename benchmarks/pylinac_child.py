"""Run by the Python that has pylinac: for each path on standard input, analyse it and print times as JSON.

What is timed: `analyze()` and `results_data()` of a file that has been read. `analyze()` alone leaves the
differential uniformity, most of the work, to be computed when it is asked for.
"""

import json
import sys
import time

from pylinac.nuclear import PlanarUniformity


def analysed(path: str) -> dict[str, object]:
    """Return CPU and wall time, and the indices of the first frame."""
    test = PlanarUniformity(path)
    cpu, wall = time.process_time(), time.perf_counter()
    test.analyze()
    results = test.results_data(as_dict=True)
    times = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    return times | {"indices": {name: float(value) for name, value in results["Frame 1"].items()}}


for line in sys.stdin:
    print(json.dumps(analysed(line.rstrip("\n"))), flush=True)

"""NEMA NU 1 section 2.4, flood uniformity, one step of the clause at a time: slow, and obviously right.

The fast code is compared with this. Loops over pixels in plain Python; NumPy only holds the arrays, draws the
random numbers and solves the least squares of the plane.

Arrays are indexed (row, column), from 0 at the top left. Lengths are millimetres from the centre of the
matrix that is given (after re-binning: of the re-binned matrix), x along the columns, y down the rows.
A pixel size is one length, or the pair (down, along).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[Any]
Mask = NDArray[np.bool_]
Point = tuple[float, float]

NOMINAL_PIXEL_MM = 6.4
PIXEL_TOLERANCE = 0.30
EDGE_FRACTION = 0.75
RUN_LENGTH = 5
KERNEL = ((1, 2, 1), (2, 4, 2), (1, 2, 1))
INDICES = ("integral", "differential_x", "differential_y", "differential")


# Re-binning


def choose_rebin(pixel_mm: float) -> int:
    """Return the whole number of pixels to sum along each side, so that the result is nearest to 6.4 mm.

    Only factors that give 6.4 mm +-30 %, ends included, are candidates; of two equally near the smaller is
    taken.

    Raises
    ------
    ValueError
        If no factor gives a pixel within the range.
    """
    shortest_mm = NOMINAL_PIXEL_MM * (1 - PIXEL_TOLERANCE)
    longest_mm = NOMINAL_PIXEL_MM * (1 + PIXEL_TOLERANCE)
    rounding_mm = 1e-9
    best = None
    best_distance_mm = math.inf
    k = 1
    while k * pixel_mm <= longest_mm + rounding_mm:
        distance_mm = abs(k * pixel_mm - NOMINAL_PIXEL_MM)
        if k * pixel_mm >= shortest_mm - rounding_mm and distance_mm < best_distance_mm - rounding_mm:
            best, best_distance_mm = k, distance_mm
        k += 1
    if best is None:
        raise ValueError(f"no multiple of {pixel_mm} mm lies between 4.48 and 8.32 mm")
    return best


def rebin(image: Counts, k: int, row0: int, column0: int) -> Counts:
    """Return the sums of blocks of k x k pixels, the first with its top left pixel at (row0, column0).

    Blocks that the matrix does not hold whole are dropped. The type of the pixels must hold the sums.
    """
    rows = (image.shape[0] - row0) // k
    columns = (image.shape[1] - column0) // k
    blocks = np.zeros((rows, columns), dtype=image.dtype)
    for row in range(rows):
        for column in range(columns):
            for down in range(k):
                for along in range(k):
                    blocks[row, column] += image[row0 + row * k + down, column0 + column * k + along]
    return blocks


# Fields of view


def _pixel_pair(pixel_mm: float | tuple[float, float]) -> tuple[float, float]:
    if isinstance(pixel_mm, tuple):
        return pixel_mm
    return pixel_mm, pixel_mm


def _pixel_sides(index: int, count: int, size_mm: float) -> tuple[float, float]:
    """Return the two sides of pixel number `index` of `count` along one axis."""
    return (index - count / 2) * size_mm, (index + 1 - count / 2) * size_mm


def _overlap(low: float, high: float, other_low: float, other_high: float) -> float:
    return max(0.0, min(high, other_high) - max(low, other_low))


def rectangle_coverage(
    shape: tuple[int, int],
    pixel_mm: float | tuple[float, float],
    x0: float,
    x1: float,
    y0: float,
    y1: float,
) -> NDArray[np.float64]:
    """Return the fraction of each pixel's area inside the rectangle x0 <= x <= x1, y0 <= y <= y1 (mm)."""
    down_mm, along_mm = _pixel_pair(pixel_mm)
    rows, columns = shape
    coverage = np.zeros(shape)
    for row in range(rows):
        top, bottom = _pixel_sides(row, rows, down_mm)
        for column in range(columns):
            left, right = _pixel_sides(column, columns, along_mm)
            area = _overlap(left, right, x0, x1) * _overlap(top, bottom, y0, y1)
            coverage[row, column] = area / (down_mm * along_mm)
    return coverage


def polygon_area(vertices: list[Point]) -> float:
    """Return the area by the shoelace formula, whichever way round the vertices (x, y) run."""
    twice = 0.0
    for number, (x, y) in enumerate(vertices):
        next_x, next_y = vertices[(number + 1) % len(vertices)]
        twice += x * next_y - next_x * y
    return abs(twice) / 2


def _clip(vertices: list[Point], axis: int, bound: float, keep: int) -> list[Point]:
    """Return the part of a polygon where keep * (coordinate - bound) >= 0, after Sutherland and Hodgman.

    `axis` 0 is x and 1 is y; `keep` is +1 for the side above the bound, -1 for the side below.
    """
    kept: list[Point] = []
    for number, current in enumerate(vertices):
        previous = vertices[number - 1]
        height = keep * (current[axis] - bound)
        previous_height = keep * (previous[axis] - bound)
        if (height > 0 and previous_height < 0) or (height < 0 and previous_height > 0):
            part = previous_height / (previous_height - height)
            kept.append(
                (
                    previous[0] + part * (current[0] - previous[0]),
                    previous[1] + part * (current[1] - previous[1]),
                )
            )
        if height >= 0:
            kept.append(current)
    return kept


def polygon_coverage(
    shape: tuple[int, int], pixel_mm: float | tuple[float, float], vertices: list[Point]
) -> NDArray[np.float64]:
    """Return the fraction of each pixel's area inside a convex polygon with vertices (x, y) in mm.

    The polygon is cut with the four sides of each pixel; the shoelace formula gives the area of what is left.
    """
    down_mm, along_mm = _pixel_pair(pixel_mm)
    rows, columns = shape
    coverage = np.zeros(shape)
    for row in range(rows):
        top, bottom = _pixel_sides(row, rows, down_mm)
        for column in range(columns):
            left, right = _pixel_sides(column, columns, along_mm)
            part = vertices
            for axis, bound, keep in ((0, left, 1), (0, right, -1), (1, top, 1), (1, bottom, -1)):
                part = _clip(part, axis, bound, keep)
            coverage[row, column] = polygon_area(part) / (down_mm * along_mm)
    return coverage


def scale_outline(vertices: list[Point], factor: float, centre: Point) -> list[Point]:
    """Return the outline drawn larger or smaller about a centre; the CFOV is the UFOV's with factor 0.75."""
    scaled = []
    for x, y in vertices:
        scaled.append((centre[0] + factor * (x - centre[0]), centre[1] + factor * (y - centre[1])))
    return scaled


def half_area_mask(coverage: NDArray[np.float64]) -> Mask:
    """Return True where at least half of the pixel's area is covered, less a rounding error of 1e-9."""
    mask = np.zeros(coverage.shape, dtype=bool)
    for row in range(coverage.shape[0]):
        for column in range(coverage.shape[1]):
            mask[row, column] = coverage[row, column] >= 0.5 - 1e-9
    return mask


def rectangle_fields(
    shape: tuple[int, int],
    pixel_mm: float | tuple[float, float],
    width_mm: float,
    height_mm: float,
    centre: Point = (0.0, 0.0),
) -> tuple[Mask, Mask]:
    """Return the masks of the UFOV and the CFOV of a rectangular field, `width_mm` (x) by `height_mm` (y)."""
    masks = []
    for factor in (1.0, 0.75):
        x0, x1 = centre[0] - factor * width_mm / 2, centre[0] + factor * width_mm / 2
        y0, y1 = centre[1] - factor * height_mm / 2, centre[1] + factor * height_mm / 2
        masks.append(half_area_mask(rectangle_coverage(shape, pixel_mm, x0, x1, y0, y1)))
    return masks[0], masks[1]


# The steps of the clause


def _pixels(mask: Mask) -> list[tuple[int, int]]:
    """Return the pixels of a mask in reading order."""
    rows, columns = mask.shape
    return [(row, column) for row in range(rows) for column in range(columns) if mask[row, column]]


def _in(mask: Mask, row: int, column: int) -> bool:
    """Return whether a pixel belongs to the mask; beyond the matrix nothing does."""
    return 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and bool(mask[row, column])


def _abutting(row: int, column: int) -> list[tuple[int, int]]:
    return [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]


def mean_counts(image: Counts, mask: Mask) -> float:
    """Return the mean counts per pixel of a region.

    Raises
    ------
    ValueError
        If the region holds no pixel.
    """
    pixels = _pixels(mask)
    if not pixels:
        raise ValueError("the region holds no pixel")
    return sum(float(image[pixel]) for pixel in pixels) / len(pixels)


def edge_pixels(ufov: Mask) -> Mask:
    """Return the pixels of the UFOV with at least one of their four abutting neighbours outside it."""
    edge = np.zeros(ufov.shape, dtype=bool)
    for row, column in _pixels(ufov):
        edge[row, column] = not all(_in(ufov, *neighbour) for neighbour in _abutting(row, column))
    return edge


def removed_in_step_4(image: Counts, ufov: Mask, cfov: Mask) -> Mask:
    """Return the edge pixels with fewer than 75 % of the mean counts of the CFOV (unsmoothed)."""
    least = EDGE_FRACTION * mean_counts(image, cfov)
    removed = np.zeros(ufov.shape, dtype=bool)
    for pixel in _pixels(edge_pixels(ufov)):
        removed[pixel] = image[pixel] < least
    return removed


def removed_in_step_5(image: Counts, ufov: Mask, removed_step4: Mask) -> Mask:
    """Return the pixels that step 5 removes on top of step 4: true zeros, and neighbours of zero.

    A pixel counts as zero when step 4 removed it, or when it lies in the UFOV and holds no count. The zeros
    are settled first; what this step removes makes no new zero. Pixels outside the UFOV are not zeros.
    """
    zero = np.zeros(ufov.shape, dtype=bool)
    for pixel in _pixels(ufov):
        zero[pixel] = bool(removed_step4[pixel]) or image[pixel] == 0
    removed = np.zeros(ufov.shape, dtype=bool)
    for row, column in _pixels(ufov):
        beside_zero = any(_in(zero, *neighbour) for neighbour in _abutting(row, column))
        removed[row, column] = (beside_zero or zero[row, column]) and not removed_step4[row, column]
    return removed


def smooth(image: Counts, analysed: Mask) -> NDArray[np.float64]:
    """Return the counts after the nine-point smoothing, once; 0 outside the analysed pixels.

    Pixels that are not analysed have the weight 0, and the sum is divided by the weights that remain.
    """
    smoothed = np.zeros(image.shape)
    for row, column in _pixels(analysed):
        total, weights = 0.0, 0
        for down in (-1, 0, 1):
            for along in (-1, 0, 1):
                if _in(analysed, row + down, column + along):
                    weight = KERNEL[down + 1][along + 1]
                    total += weight * float(image[row + down, column + along])
                    weights += weight
        smoothed[row, column] = total / weights
    return smoothed


def contrast(high: float, low: float) -> float:
    """Return 100 (high - low) / (high + low), in percent.

    Raises
    ------
    ValueError
        If both are zero.
    """
    if high + low == 0:
        raise ValueError("there is no count to compare")
    return 100 * (high - low) / (high + low)


def integral(smoothed: Counts, region: Mask) -> dict[str, Any]:
    """Return the integral uniformity of a region and the pixels (row, column) of its maximum and minimum.

    Of several equal extremes the first in reading order is given.

    Raises
    ------
    ValueError
        If the region holds no pixel or no count.
    """
    pixels = _pixels(region)
    if not pixels:
        raise ValueError("the region holds no pixel")
    highest = lowest = pixels[0]
    for pixel in pixels:
        if smoothed[pixel] > smoothed[highest]:
            highest = pixel
        if smoothed[pixel] < smoothed[lowest]:
            lowest = pixel
    value = contrast(float(smoothed[highest]), float(smoothed[lowest]))
    return {"integral": value, "max": highest, "min": lowest}


def differential(smoothed: Counts, region: Mask, down: int, along: int) -> tuple[float | None, Any]:
    """Return the worst contrast of five contiguous pixels wholly in the region, and that run's middle pixel.

    (down, along) is the step from one pixel of a run to the next: (0, 1) for runs along a row (x), (1, 0) for
    runs down a column (y). Of equal runs the first in reading order is given. A run without a count has the
    contrast 0. Without any run both are None.
    """
    worst: float | None = None
    where = None
    for row, column in _pixels(region):
        run = [(row + step * down, column + step * along) for step in range(RUN_LENGTH)]
        if not all(_in(region, *pixel) for pixel in run):
            continue
        values = [float(smoothed[pixel]) for pixel in run]
        value = contrast(max(values), min(values)) if max(values) > 0 else 0.0
        if worst is None or value > worst:
            worst, where = value, run[RUN_LENGTH // 2]
    return worst, where


def region_indices(smoothed: Counts, region: Mask) -> dict[str, Any]:
    """Return every index of one region, with the pixels where they arise.

    Keys: integral, max, min; differential_x, worst_x; differential_y, worst_y; differential, the larger of
    the two (the one that exists, or None). max, min, worst_x and worst_y are (row, column).
    """
    indices = integral(smoothed, region)
    indices["differential_x"], indices["worst_x"] = differential(smoothed, region, 0, 1)
    indices["differential_y"], indices["worst_y"] = differential(smoothed, region, 1, 0)
    measured = [v for v in (indices["differential_x"], indices["differential_y"]) if v is not None]
    indices["differential"] = max(measured) if measured else None
    return indices


def _analyse(image: Counts, ufov: Mask, cfov: Mask, step4: Mask, step5: Mask) -> dict[str, Any]:
    analysed = np.zeros(ufov.shape, dtype=bool)
    central = np.zeros(ufov.shape, dtype=bool)
    for pixel in _pixels(ufov):
        analysed[pixel] = not step4[pixel] and not step5[pixel]
        central[pixel] = analysed[pixel] and cfov[pixel]
    smoothed = smooth(image, analysed)
    return {
        "removed_step4": step4,
        "removed_step5": step5,
        "analysed": analysed,
        "kept_fraction": len(_pixels(analysed)) / len(_pixels(ufov)),
        "smoothed": smoothed,
        "ufov": region_indices(smoothed, analysed),
        "cfov": region_indices(smoothed, central),
    }


def strict(image: Counts, ufov: Mask, cfov: Mask) -> dict[str, Any]:
    """Return the uniformity by the letter of the clause (NEMA NU 1, 2.4).

    Parameters
    ----------
    image : shape (rows, columns)
        Re-binned counts, not smoothed.
    ufov, cfov : shape (rows, columns)
        The fields of view. The CFOV is the geometric one, whatever the edge rule removes.

    Returns
    -------
    removed_step4, removed_step5, analysed : masks
    kept_fraction : analysed pixels over those of the UFOV
    smoothed : counts after smoothing, 0 outside the analysed pixels
    ufov, cfov : the dictionaries of `region_indices`, over the analysed pixels and those of them in the CFOV

    Raises
    ------
    ValueError
        If a region holds no pixel or no count.
    """
    step4 = removed_in_step_4(image, ufov, cfov)
    step5 = removed_in_step_5(image, ufov, step4)
    return _analyse(image, ufov, cfov, step4, step5)


def plain(image: Counts, ufov: Mask, cfov: Mask) -> dict[str, Any]:
    """Return what `strict` returns, but with nothing removed: pixels without counts are measured."""
    nothing = np.zeros(ufov.shape, dtype=bool)
    return _analyse(image, ufov, cfov, nothing, nothing.copy())


# Noise


def thinning_uncertainty(
    image: Counts, ufov: Mask, cfov: Mask, splits: int, rng: np.random.Generator
) -> dict[str, dict[str, float]]:
    """Return the counting uncertainty of each index of `plain`, by binomial thinning.

    The counts are parted at random into two halves, X1 ~ Bin(X, 1/2) and X2 = X - X1, and each half is
    measured: u = sqrt(mean over splits of (I1 - I2)^2) / 2. Each half holds half the counts, so that the
    variance of its index is twice, and that of the difference four times, the wanted one.

    For the uncertainty of `strict` give the pixels it analysed as `ufov`. An index that does not exist is
    left out.

    Returns
    -------
    {"ufov": {index: u}, "cfov": {index: u}}, with the names of INDICES
    """
    squares: dict[str, dict[str, float]] = {"ufov": {}, "cfov": {}}
    for _ in range(splits):
        first = rng.binomial(image, 0.5)
        one, other = plain(first, ufov, cfov), plain(image - first, ufov, cfov)
        for field, sums in squares.items():
            for name in INDICES:
                if one[field][name] is not None:
                    sums[name] = sums.get(name, 0.0) + (one[field][name] - other[field][name]) ** 2
    return {
        field: {name: math.sqrt(total / splits) / 2 for name, total in sums.items()}
        for field, sums in squares.items()
    }


def noise_floor(
    mask: Mask, mean: float, trials: int, rng: np.random.Generator, cfov: Mask | None = None
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the mean and 95th percentile of each index of `plain` for Poisson noise alone.

    Parameters
    ----------
    mask : the UFOV
    mean : counts per pixel, the same everywhere
    cfov : the CFOV; without it the UFOV stands for both

    Returns
    -------
    {"ufov": {index: {"mean": ..., "p95": ...}}, "cfov": {...}}. The percentile is interpolated linearly
    between the sorted trials. "differential" is that of the larger of x and y in each trial. An index that
    does not exist is left out.
    """
    values: dict[str, dict[str, list[float]]] = {"ufov": {}, "cfov": {}}
    for _ in range(trials):
        found = plain(rng.poisson(mean, mask.shape), mask, mask if cfov is None else cfov)
        for field, lists in values.items():
            for name in INDICES:
                if found[field][name] is not None:
                    lists.setdefault(name, []).append(found[field][name])
    return {
        field: {name: {"mean": sum(v) / trials, "p95": percentile(v, 0.95)} for name, v in lists.items()}
        for field, lists in values.items()
    }


def percentile(values: list[float], part: float) -> float:
    """Return the sorted values' element at place part * (n - 1), interpolated linearly."""
    ordered = sorted(values)
    place = part * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def poisson_table(
    levels: list[float], trials: int, rng: np.random.Generator
) -> dict[float, dict[str, dict[str, dict[str, float]]]]:
    """Return the noise floor of a field of 533 x 387 mm, pixels of 6.4 mm (60 x 83), at each mean count."""
    ufov, cfov = rectangle_fields((62, 85), 6.4, 533, 387)
    return {level: noise_floor(ufov, level, trials, rng, cfov) for level in levels}


# Structure: all of the re-binned, unsmoothed counts


def coefficient_of_variation(image: Counts, region: Mask) -> float:
    """Return 100 times the standard deviation (n - 1) over the mean, in percent."""
    mean = mean_counts(image, region)
    pixels = _pixels(region)
    squares = sum((float(image[pixel]) - mean) ** 2 for pixel in pixels)
    return 100 * math.sqrt(squares / (len(pixels) - 1)) / mean


def structural_cov(image: Counts, region: Mask) -> float:
    """Return the CoV without its Poisson part, sqrt(max(0, CoV^2 - 100^2 / mean)), in percent."""
    excess = coefficient_of_variation(image, region) ** 2 - 1e4 / mean_counts(image, region)
    return math.sqrt(max(0.0, excess))


def row_uniformity(image: Counts, region: Mask) -> float:
    """Return 100 (max - min) / (max + min) of the means of the rows, in percent.

    Only rows count that have at least half as many pixels in the region as the region is wide.
    """
    columns = [column for _, column in _pixels(region)]
    width = max(columns) - min(columns) + 1
    means = []
    for row in range(region.shape[0]):
        values = [float(image[row, column]) for column in range(region.shape[1]) if region[row, column]]
        if 2 * len(values) >= width:
            means.append(sum(values) / len(values))
    return contrast(max(means), min(means))


def column_uniformity(image: Counts, region: Mask) -> float:
    """Return what `row_uniformity` returns, for the columns."""
    return row_uniformity(image.T, region.T)


def plane_tilt(image: Counts, region: Mask) -> float:
    """Return 100 (max - min) / mean of the plane fitted to the counts, over pixel centres, in percent."""
    pixels = _pixels(region)
    design = np.array([(1.0, row, column) for row, column in pixels])
    counts = np.array([float(image[pixel]) for pixel in pixels])
    plane, *_ = np.linalg.lstsq(design, counts, rcond=None)
    heights = [float(plane[0] + plane[1] * row + plane[2] * column) for row, column in pixels]
    return 100 * (max(heights) - min(heights)) / mean_counts(image, region)


def centre_to_edge(image: Counts, analysed: Mask, cfov: Mask) -> float:
    """Return 100 (mean of the analysed pixels in the CFOV / mean of those outside it - 1), in percent."""
    central = np.zeros(analysed.shape, dtype=bool)
    border = np.zeros(analysed.shape, dtype=bool)
    for pixel in _pixels(analysed):
        central[pixel] = cfov[pixel]
        border[pixel] = not cfov[pixel]
    return 100 * (mean_counts(image, central) / mean_counts(image, border) - 1)

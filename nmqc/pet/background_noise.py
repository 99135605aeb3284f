"""The noise of a PET volume's background, before it is known where the spheres lie."""

from __future__ import annotations

import numpy as np

from nmqc.model import Volume
from nmqc.pet.body import Body
from nmqc.pet.coarse import axes_of
from nmqc.pet.correlation import Noise, noise_of

REACH_MM = 30.0  # from the spheres' plane: the slices whose noise is taken
FROM_END_MM = 15.0  # kept from an end of the body


def background_noise(volume: Volume, body: Body, z_mm: float) -> tuple[float, Noise]:
    """Return level and noise of the background near the plane of the spheres, beside them.

    The medians over the slices within 30 mm of each slice's mean and variance: single noisy slices do not count. For
    the correlation (`correlation.noise_of`) all slices are brought to that variance.
    """
    slices, rows, columns = axes_of(volume)
    low = body.first_z_mm + (0.0 if body.cut[0] else FROM_END_MM)
    high = body.last_z_mm - (0.0 if body.cut[1] else FROM_END_MM)
    first, last = np.searchsorted(slices.centres_mm, (max(low, z_mm - REACH_MM), min(high, z_mm + REACH_MM)))
    cut, free = body.beside(slices, rows, columns, slice(int(first), int(last)))
    values, counts = np.asarray(volume.values[cut], np.float64), free.sum(axis=(1, 2))
    levels = np.sum(values, axis=(1, 2), where=free) / np.maximum(counts, 1)
    off = np.where(free, values - levels[:, None, None], 0.0)
    variances = (off**2).sum(axis=(1, 2)) / np.maximum(counts - 1, 1)
    full = counts > counts.max() / 2
    usual = float(np.median(variances[full]))
    off *= np.sqrt(usual / np.where(variances > 0, variances, np.inf))[:, None, None]
    return float(np.median(levels[full])), noise_of(off, free, volume.spacing_mm)

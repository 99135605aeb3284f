"""Input in which there is nothing to measure, made of what was acquired: images, and volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def one_pixel_lit(like: NDArray[Any]) -> NDArray[Any]:
    counts = np.zeros_like(like, dtype=np.int64)
    counts[like.shape[0] // 3, like.shape[1] // 2] = 900
    return counts


def one_voxel_lit(like: NDArray[Any]) -> NDArray[Any]:
    values = np.zeros(like.shape, np.float32)
    values[tuple(side // 2 for side in like.shape)] = 9e4
    return values


IMAGES: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "no pixels": lambda _: np.zeros((0, 0), np.uint16),
    "no rows": lambda like: np.zeros((0, like.shape[1]), np.uint16),
    "a single pixel": lambda _: np.full((1, 1), 900, np.uint16),
    "a single row": lambda like: np.full((1, like.shape[1]), 900, np.uint16),
    "a single column": lambda like: np.full((like.shape[0], 1), 900, np.uint16),
    "nothing but zeros": lambda like: np.zeros(like.shape, np.uint16),
    "nothing but zeros, not whole numbers": lambda like: np.zeros(like.shape),
    "one pixel lit": one_pixel_lit,
    "negative": lambda like: np.full(like.shape, -1.0),
}
VOLUMES: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "no voxels": lambda _: np.zeros((0, 0, 0), np.float32),
    "no slices": lambda like: np.zeros((0, *like.shape[1:]), np.float32),
    "a single voxel": lambda _: np.full((1, 1, 1), 5e3, np.float32),
    "a single slice": lambda like: like[like.shape[0] // 2][np.newaxis],
    "a single row": lambda like: like[:, like.shape[1] // 2][:, np.newaxis],
    "a single column": lambda like: like[:, :, like.shape[2] // 2][:, :, np.newaxis],
    "nothing but zeros": lambda like: np.zeros(like.shape, np.float32),
    "nothing but zeros, whole numbers": lambda like: np.zeros(like.shape, np.int32),
    "the same everywhere": lambda like: np.full(like.shape, 5e3, np.float32),
    "one voxel lit": one_voxel_lit,
    "negative": lambda like: -like,
    "nothing but noise": lambda like: np.random.default_rng(5).normal(0, 300, like.shape).astype(np.float32),
    "no numbers": lambda like: np.full(like.shape, np.nan, np.float32),
}

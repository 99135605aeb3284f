"""The types that every part of nmqc speaks, and the geometry they share.

Geometry, settled once for the whole project: arrays are indexed (row, column). A position is the centre of
a pixel, zero-based, (0, 0) at the top left. In millimetres x grows with the column, to the right, and y with
the row, downwards as displayed; both are measured from the centre of the matrix, at row (rows - 1) / 2 and
column (columns - 1) / 2. Pixel sizes come in pairs, (down, along): the spacing of rows, then of columns.

Arrays held by these types are read-only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Verdict = Literal["pass", "warn", "fail", "unjudged"]
DetectorSource = Literal["vector", "user", "pattern", "single-head"]
#: Reasons that a quantity is absent which are nobody's fault: what it needs was not given, or the object does not
#: show it.
EXPECTED_ABSENCES = frozenset(
    {
        "no_ratio",
        "no_fill_sheet",
        "no_reference",
        "no_source_distance",
        "relative_units",
        "no_rotations",
        "no_separation",
        "no_pair",
        "one_orientation",
        "not_resolved",
        "no_modulation",
        "modulation_out_of_range",
        "per_image",
        "partial_arc",
        "on_axis",
        "one_level",
        "not_nema_arrangement",
        "no_radius",
        "distance_not_reached",
        "no_cold_spheres",
        "no_header_dose",
        "sphere_cold",
    }
)
VERDICTS: tuple[Verdict, ...] = ("unjudged", "pass", "warn", "fail")


def frozen_array(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array itself if nothing can write to it, else a read-only copy."""
    if not array.flags.writeable and array.base is None:
        return array
    copy = array.copy()
    copy.flags.writeable = False
    return copy


# --- where data come from -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that was read.

    `file` is its base name as typed, made safe to print; `sha256` of its bytes; `pixels` the SHA-256 of the
    decoded pixels. `uid`, the SOP instance UID, is for hashing alone: never shown and never stored. `place` is its
    number among the arguments, from 1; 0 where there are none. `head` and `pixel_mm`, (down, along), are what a
    person said of it: None where nobody did.
    """

    file: str
    sha256: str
    pixels: str = ""
    uid: str = field(default="", repr=False)
    place: int = field(default=0, compare=False)
    head: int | None = field(default=None, compare=False)
    pixel_mm: tuple[float, float] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Beside:
    """A file that was given with those of a result.

    `role` is the name of the option that it was for ("reference", "flood"), or "image": of the same acquisition.
    """

    role: str
    input: InputFile


@dataclass(frozen=True, slots=True)
class System:
    """A camera, by what may be shown of it. `unit` is one physical camera, never its serial number."""

    name: str  # "intevo", "symbia-t2", "brivo", "vereos", "unknown", or a site's own
    unit: str  # the site's name, 8 hexadecimal digits, or "unidentified"
    manufacturer: str
    model: str


@dataclass(frozen=True, slots=True)
class EnergyWindow:
    """An energy window: its name in the header and its ranges in keV (several where peaks are summed)."""

    name: str
    ranges_kev: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class FieldHint:
    """The field of view as a header or a table tells it: a hint, to be checked against the image.

    `shape` is "RECTANGLE", "ROUND", "HEXAGONAL" or ""; `extents_mm` are two sides in the order of their
    source, or one diameter. `source` says where the hint is from, in words for the report.
    """

    shape: str
    extents_mm: tuple[float, ...]
    source: str

    def widths_and_heights_mm(self) -> tuple[tuple[float, float], ...]:
        """Return the (width, height) that the extents can mean: headers do not agree on their order."""
        if len(self.extents_mm) == 2:
            first, second = self.extents_mm
            return ((first, second), (second, first))
        (diameter,) = self.extents_mm
        if self.shape == "HEXAGONAL":
            return ((diameter, diameter * 3**0.5 / 2), (diameter * 3**0.5 / 2, diameter))
        return ((diameter, diameter),)


@dataclass(frozen=True, slots=True)
class HeadPattern:
    """A site's rule that tells the head from text in the header.

    `pattern` is a regular expression searched, without regard to case, in `attribute`: "SeriesDescription",
    "ImageID" or "ViewCode" (the meaning of the view code).
    """

    detector: int
    attribute: Literal["SeriesDescription", "ImageID", "ViewCode"]
    pattern: str


@dataclass(frozen=True, slots=True)
class SiteSystem:
    """A camera as the site's configuration describes it.

    It is recognised where every given condition holds: `unit_id` (the 8 hexadecimal digits that
    `nmqc identify` shows) or `model` (a regular expression on the recognised model). `unit` is the site's
    name for this one camera, `name` the kind ("intevo"), `field` its field of view, `heads` the head patterns.
    """

    unit: str
    name: str = ""
    unit_id: str = ""
    model: str = ""
    field: FieldHint | None = None
    heads: tuple[HeadPattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a reader of the number has to know. It never changes a verdict or an exit status."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Gantry:
    """Where the head stood during one view of a tomographic acquisition, by the header.

    Attributes
    ----------
    angle_deg : in [0, 360)
        At the start of the view: 0 with the detector behind the patient's back, growing counter-clockwise as seen
        from the feet (DICOM PS3.3, C.8.4.11).
    step_deg : from this view to the next, negative where the head turns clockwise.
    moving : True where the head turned while it counted: the middle of the view lies half a step further.
    radius_mm : from the axis to the collimator's face; None where the header is silent.
    """

    angle_deg: float
    step_deg: float
    moving: bool = False
    radius_mm: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image of an acquisition.

    Attributes
    ----------
    counts : shape (rows, columns), integer or float64, read-only
        Counts per pixel. Integers as stored, unless `raw_counts` is False.
    spacing_mm : (down, along)
        Spacing of the rows and of the columns.
    detector : int or None
        Number of the head, 1 or more; None where it is unknown.
    detector_source : how the detector is known; None where it is unknown.
    energy_window : EnergyWindow or None
    input : the file it came from
    window_number, rotation, view : int
        Positions in the acquisition, counted from 1; view is 0 in a static image.
    duration_s : float or None
    raw_counts : bool
        False where the values are not raw counts: then no Poisson statistics hold.
    full_scale : float or None
        The largest value the file can store (65535 for 16 bits unsigned): a pixel there is saturated.
    field_hints : tuple of FieldHint
        What is said of the field of view, the most trusted first: the site's configuration, the table of
        recognised systems, the header.
    collimator : str
        Type or grid name, cleaned; "" where the header is silent, "NONE" for an intrinsic image.
    gantry : Gantry or None
        None where the image is not tomographic, or its header does not tell the angle.
    """

    counts: NDArray[Any]
    spacing_mm: tuple[float, float]
    detector: int | None
    detector_source: DetectorSource | None
    energy_window: EnergyWindow | None
    input: InputFile
    window_number: int = 1
    rotation: int = 1
    view: int = 0
    duration_s: float | None = None
    raw_counts: bool = True
    full_scale: float | None = None
    field_hints: tuple[FieldHint, ...] = ()
    collimator: str = ""
    zoom: tuple[float, float] = (1.0, 1.0)
    gantry: Gantry | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", frozen_array(self.counts))


@dataclass(frozen=True, slots=True)
class Source:
    """What an acquisition is and where it is from: everything about it that may be shown or kept.

    `inputs` are the files of an acquisition; in a result, those files alone that its frame came from.
    """

    inputs: tuple[InputFile, ...]
    system: System
    acquired: str | None  # ISO 8601, the scanner's local time, with the offset only where the file gives it
    acquired_from: str | None  # the attribute: "AcquisitionDateTime", ... or "user"
    radionuclide: str = ""  # "Tc-99m", "Co-57", ... ; "" where the header is silent
    software: str = ""
    corrected: tuple[str, ...] = ()  # CorrectedImage, standard terms only
    synthetic: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Acquisition:
    """Frames that were acquired together, in order of energy window, detector, rotation and view.

    `kind` is the third value of ImageType ("STATIC", "TOMO", "WHOLE BODY", ...). `remarks` hold what the
    reader tolerated.
    """

    source: Source
    kind: str
    frames: tuple[Frame, ...]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Tracer:
    """What a PET header says of the injected or filled activity, and what its values refer to.

    Attributes
    ----------
    radionuclide : "F-18", ... ; "" where the header is silent
    half_life_s : by the header; None where it is silent
    activity_bq : total activity at `measured`; None where the header is silent
    measured : ISO 8601, the time of `activity_bq`
    weight_g : of what was scanned
    reference : ISO 8601, the time that decay-corrected values refer to; None where it cannot be told
    reference_from : how `reference` is known, in words
    decay_correction : "START", "ADMIN", "NONE" or ""
    """

    radionuclide: str = ""
    half_life_s: float | None = None
    activity_bq: float | None = None
    measured: str | None = None
    weight_g: float | None = None
    reference: str | None = None
    reference_from: str = ""
    decay_correction: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A PET image: one series, its slices in order of position along their normal.

    Positions in a volume are in mm from its centre: x along increasing columns, y along increasing rows, z along
    increasing slices.

    Attributes
    ----------
    values : shape (slices, rows, columns), float32 or float64, read-only, rescaled slice by slice
    spacing_mm : (between slices, down, along); the first from positions, never from a thickness
    unit : "Bq/mL", "g/mL", "counts" or "relative"
    quantitative : True where values are concentrations: Bq/mL, or g/mL that can be turned into them
    tracer : what the header says of the activity
    series : first 8 hexadecimal digits of the SHA-256 of the series' UID: to ask for it with ``--series``
    directions : unit vectors (of growing columns, rows and slices) in the patient's axes
    origin_mm : place of the first voxel in the patient's axes
    duration_s : of one bed position; None where it is unknown or differs
    reconstruction : the header's words on it, cleaned
    corrections : the terms of CorrectedImage that the standard defines
    remarks : what the reader tolerated
    """

    source: Source
    values: NDArray[Any]
    spacing_mm: tuple[float, float, float]
    unit: str
    quantitative: bool
    tracer: Tracer
    series: str
    directions: tuple[tuple[float, float, float], ...]
    origin_mm: tuple[float, float, float]
    duration_s: float | None = None
    reconstruction: str = ""
    corrections: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen_array(self.values))


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Scan:
    """A PET phantom that lies in one place: its volume, or several where it was acquired several times (replicates).

    `name` is what to call it by: its folder, or its first file.
    """

    volumes: tuple[Volume, ...]
    name: str = ""


# --- what is measured -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Metric:
    """A quantity that nmqc measures. Its name is the key of the history: never rename one.

    `of` lists the variants a test delivers; only the first is judged by default limits.
    """

    name: str  # "uniformity.integral.ufov"
    unit: str  # "%"
    defined_in: str  # "NEMA NU 1, 2.4"
    label: str = ""  # for people: "integral uniformity, UFOV"


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """What a perfect detector would read at these counts on this mask: mean, and 95th percentile."""

    mean: float
    p95: float


@dataclass(frozen=True, slots=True)
class Position:
    """Where something is, in mm from the centre of the matrix, x to the right, y down."""

    what: str  # "max", "min", "worst window, x"
    x_mm: float
    y_mm: float


@dataclass(frozen=True, slots=True)
class Ends:
    """What is permitted: both ends belong to it; None is no end on that side."""

    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Say whether the value lies between the ends, ends included."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that judged a value, kept with it. `of` says whether they hold for it or its magnitude."""

    warn: Ends
    fail: Ends
    of: Literal["value", "magnitude"]
    unit: str
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number, how sure it is, and (once judged) what it is worth.

    `uncertainty` is one standard deviation, the quadrature sum of `uncertainty_parts`; None: not estimated.
    """

    metric: Metric
    value: float
    of: str = ""
    uncertainty_parts: Mapping[str, float] = field(default_factory=dict)
    noise_floor: NoiseFloor | None = None
    at: tuple[Position, ...] = ()
    limits: Limits | None = None
    verdict: Verdict = "unjudged"

    def __post_init__(self) -> None:
        if not -float("inf") < self.value < float("inf"):
            raise ValueError(f"{self.metric.name} is not a finite number: a test must refuse instead")

    @property
    def uncertainty(self) -> float | None:
        """One standard deviation in the metric's unit, or None where it was not estimated."""
        if not self.uncertainty_parts:
            return None
        return float(sum(part**2 for part in self.uncertainty_parts.values()) ** 0.5)


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A declared metric that could not be had, with the reason."""

    name: str
    of: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An input, or one frame of it, that gave no result.

    `sha256` of the file's bytes, where they were read; `place` of the file among the arguments, as in InputFile.
    """

    file: str
    code: str
    reason: str
    detector: int | None = None
    energy_window: EnergyWindow | None = None
    sha256: str = ""
    place: int = field(default=0, compare=False)


# --- evidence: what a report draws ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Closed outlines drawn on a picture: each is an array of shape (points, 2), x and y in mm.

    Style "thin" is a fine line; "box" is another one that no legend names.
    """

    label: str
    outlines_mm: tuple[NDArray[np.float64], ...]
    style: Literal["main", "second", "thin", "box"] = "main"


@dataclass(frozen=True, slots=True)
class Label:
    """A short text written on a picture, its middle at a position in mm."""

    text: str
    x_mm: float
    y_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image in millimetres, with what was found on it.

    `centre_mm` is the position (x, y) of the centre of this array in the acquisition's own millimetres, so
    that a re-binned or cropped image and the original can share regions and marks. Pixels that are False in
    `shown` were not analysed. `scale` is "counts" (from zero) or "diverging" (about `midpoint`). `axes` names
    the axes along and down. Of counts, values above `highest` are drawn as light as it; None: none are.
    """

    title: str
    image: NDArray[Any]
    spacing_mm: tuple[float, float]
    unit: str
    centre_mm: tuple[float, float] = (0.0, 0.0)
    shown: NDArray[np.bool_] | None = None
    scale: Literal["counts", "diverging"] = "counts"
    midpoint: float = 0.0
    regions: tuple[Region, ...] = ()
    marks: tuple[Position, ...] = ()
    labels: tuple[Label, ...] = ()
    axes: tuple[str, str] = ("x", "y")
    highest: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line of a curve: x and y of equal length; NaN never, gaps are separate lines.

    Style "points" draws the points alone. `error` is one standard deviation of each y: bars at points, a band
    about a line.
    """

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    style: Literal["main", "second", "guide", "points"] = "main"
    error: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """What lies between a low and a high line, such as what is permitted; arrays of equal length."""

    label: str
    x: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A plot with axis labels that name their units; bands lie under its lines."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    bands: tuple[Band, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Sinogram:
    """An image of views and columns, with tracks drawn over it.

    `image` has the shape (views, columns), `spacing_mm` is that of the columns. Of each track x is in mm from the
    centre of the matrix and y the number of the view, from 1.
    """

    title: str
    image: NDArray[Any]
    spacing_mm: float
    unit: str
    tracks: tuple[Line, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Polar:
    """Values around the gantry: of each line x is the angle in degrees, y the value, which may be negative.

    0 degrees is at the bottom, behind the patient's back, and angles grow counter-clockwise, as seen from the feet.
    `label` names the value and its unit.
    """

    title: str
    label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Texts in rows and columns, already rounded; a column that holds units says so in its heading."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Figure = Picture | Curve | Sinogram | Polar
Evidence = Figure | Table


# --- a result -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What one test says of one detector and energy window of one acquisition.

    Attributes
    ----------
    test, algorithm : str
        "uniformity.planar", "uniformity.planar/1".
    parameters : mapping of JSON values
        Everything used, as shown in reports.
    asked : mapping of JSON values
        What the caller asked for that changes a value (options, never the number of replicates): part of the
        key of the history.
    collimator, duration_s, total_counts : facts of the frame, for the report and for narrowing the limits.
    options : mapping of JSON values, or None
        All options as the test got them, unrounded, but for the files among them; None where they are not known.
    beside : the other files that were given with those of `source`
    made_with : versions and computer that made it, as JSON values; None: those that run now
    """

    test: str
    algorithm: str
    source: Source
    detector: int | None
    detector_source: DetectorSource | None
    energy_window: EnergyWindow | None
    parameters: Mapping[str, Any]
    asked: Mapping[str, Any]
    measurements: tuple[Measurement, ...]
    not_measured: tuple[NotMeasured, ...] = ()
    remarks: tuple[Remark, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    collimator: str = ""
    duration_s: float | None = None
    total_counts: int | None = None
    summary: str = ""
    options: Mapping[str, Any] | None = None
    beside: tuple[Beside, ...] = ()
    made_with: Mapping[str, Any] | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the judged measurements; "unjudged" where none is judged."""
        return max((m.verdict for m in self.measurements), key=VERDICTS.index, default="unjudged")

    def with_remarks(self, *remarks: Remark) -> Result:
        """Return the same result with further remarks at the end."""
        return replace(self, remarks=self.remarks + remarks)


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that a test says of an acquisition: results, and the frames that it refused."""

    results: tuple[Result, ...]
    refused: tuple[Refusal, ...]

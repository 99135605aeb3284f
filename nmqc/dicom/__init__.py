"""Reading NM and PET DICOM: files to acquisitions and volumes, safely. The only package that knows pydicom.

`import nmqc.dicom` costs nothing: pydicom and NumPy are imported at the first call.

A file is read or refused as a whole. What changes no number is tolerated and remarked (`nonstandard`,
`order_inferred`, ...); what would change one is refused. The codes of a refusal:

======================  ====================================================================================
code                    meaning
======================  ====================================================================================
missing                 there is no such file
folder                  a folder: `nmqc batch` reads folders
unreadable              not a regular file, no permission, or damaged inside
not_dicom               no DICM mark at byte 128
truncated               the file ends in its header, or before its last pixel
no_pixels               a complete header without pixels
not_an_nm_image         another kind of object: CT, PET, a screen picture, a report, DICOMDIR, raw data, ...
compressed              compressed with loss, or without loss by a method whose decoder is not installed
deflated                the deflated transfer syntax, which cannot be read within bounds
transfer_syntax         a video, private or unknown transfer syntax
too_large               beyond a limit of nmqc.bounds, in fact or by announcement: bytes, pixels, frames, elements
vector_mismatch         frames, vectors and the numbers of windows, detectors or views contradict each other
duplicate_frames        two frames with the same window, detector, rotation and view
pixel_size_missing      PixelSpacing missing, empty or zero, and no pixel size given by the user
pixel_size_conflict     the user's pixel size and the header's differ by more than 1 %
detector_conflict       the user's detector and the header's vector differ
acquired_conflict       the user's time of acquisition and the header's differ by more than a minute
bad_header_value        a value that changes a result is not a usable number
pixel_scale             scales of the pixel values that cannot be applied without doubt
no_study                an image that does not say which study it is of: no report can be put beside it
several_studies         images of several studies, of which one report would be
======================  ====================================================================================

Of a PET series, beside those above:

======================  ====================================================================================
code                    meaning
======================  ====================================================================================
not_a_pet_image         another kind of object beside, or instead of, the PET images
enhanced_pet            an enhanced PET object, or one that was converted to it
no_images               a folder without files that may be images
several_folders         a folder that holds several folders and no images
several_series          several series in one folder, or among the files: one must be chosen
no_such_series          the series that was asked for is not there
no_position             a file does not tell where its slices lie, or in which direction
one_slice               one slice alone: no distance between slices, no volume
mixed_geometry          slices of one series that differ in matrix, pixel size, orientation or frame of reference
duplicate_slices        different slices at one place
dynamic_series          several time frames or gates
missing_slices          a gap of whole slices
unequal_spacing         slices that are not evenly spaced
sheared_slices          slices that are not above each other
oblique_slices          slices that are turned against the scanner's axes
reprojection            projections of a volume
no_slope                a slice without RescaleSlope
zero_slope              a slice whose RescaleSlope is 0
mixed_units             slices in different units
not_activity            values that are no activity: a flow, a ratio, a standard deviation, ...
factors_differ          slices with different factors of Philips
reference_conflict      a reference time by the user for values that were not corrected for decay
not_decay_corrected     slices of different times, not corrected for decay, that cannot be corrected
======================  ====================================================================================

Decisions where standard and contract leave a choice:

* **Time**: the header's time stands. A user's time fills a header without one, and must agree with the
  header's to a minute where there is one. A date alone, without a time of day, is no time of acquisition. An
  offset inside AcquisitionDateTime is not taken: only TimezoneOffsetFromUTC gives the offset.
* **Scales**: GE's pixel scale and offset, RescaleSlope and RescaleIntercept, and linear items of
  RealWorldValueMappingSequence are applied where they are not 1 and 0; where two of them differ, or a mapping
  is a table or does not cover the pixels, the file is refused. Siemens' pixel scale factor is for maps, and
  never applied. Scaled values, signed values below zero, reconstructed and derived images, and images
  corrected for attenuation, scatter, decay or dead time are not raw counts.
* **Angles**: a tomographic image has them where its header tells start, step, sense and view of each head; else
  it is read without, and the remark ``no_angles`` says what is missing. Half a turn between heads is never assumed.
* **Several files**: those with the same study, time, camera, kind, geometry and duration whose energy windows
  all differ are one acquisition, windows numbered in the order of the arguments. Files of two heads stay two
  acquisitions, as each head is judged on its own, but for tomographic ones: with the same windows, views and
  matrix, and each of another known head, they are one, so that the heads can be compared.
* **PET series**: a folder stands for its own files, without its folders (where it holds nothing but one folder, for
  that one's); hidden files, DICOMDIR, and notes, tables and pictures by their extension are left aside, everything
  else that is no PET image is refused, those alike in one refusal. Slices are sorted by their place along the normal,
  never by number; the distance between them is that of their places, never a thickness. They must be along the
  patient's axes to 0.1 degrees; transverse ones are taken as they lie, sagittal and coronal ones re-ordered to
  transverse, none flipped. Values are float32, rescaled in float64 slice by slice and rounded once.
* **PET units**: what is no concentration is read for ratios, with the remark ``relative_units``. Values that were not
  corrected for decay are corrected to the start of the first slice.
* **PET reference time**: one that the user gives replaces the header's and leaves the values as they are
  (``reference_time`` says by how much the two differ). It is refused for values that were not corrected for decay:
  they refer to no one time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nmqc.dicom.interface import Card, Identity, ReadOptions, ReadOutcome, VolumeOutcome

__all__ = [
    "Card",
    "Identity",
    "ReadOptions",
    "ReadOutcome",
    "VolumeOutcome",
    "card",
    "encapsulated_pdf",
    "identify",
    "is_report",
    "read_nm",
    "read_pet",
]


def card(path: Path, options: ReadOptions) -> Card:
    """Return what the header of one file tells, without its pixels: to sort files by.

    Raises
    ------
    UnusableInput
        Where the file is no DICOM, or cannot be read.
    """
    from nmqc.dicom.cards import read_card

    return read_card(path, options)


def encapsulated_pdf(pdf: bytes, images: Sequence[Path], title: str, acquired: str | None) -> bytes:
    """Return a PDF as a DICOM file in the study of the images that it is of.

    Parameters
    ----------
    images : their files, one or more, all of one study
    title : of the report, in ASCII
    acquired : ISO 8601, the latest acquisition; None where it is unknown

    Raises
    ------
    UnusableInput
        ``no_study``, ``several_studies``, and what an unreadable file is refused for.
    """
    from nmqc.dicom.encapsulated import encapsulated

    return encapsulated(pdf, images, title, acquired)


def is_report(path: Path) -> bool:
    """Say whether a file is a DICOM object with a report that nmqc wrote."""
    from nmqc.dicom.encapsulated import is_ours

    return is_ours(path)


def read_nm(paths: Sequence[Path], options: ReadOptions) -> ReadOutcome:
    """Read the gamma camera images in some files.

    Parameters
    ----------
    paths : the files, as typed by the user
    options : what the user and the site say

    Returns
    -------
    ReadOutcome
        Acquisitions and refusals, each in the order of the arguments. No file stops another.

    Raises
    ------
    BadConfiguration
        If a head pattern or a model pattern of the site is not a regular expression.
    """
    from nmqc.dicom.several import read_files

    return read_files(paths, options)


def read_pet(
    paths: Sequence[Path], options: ReadOptions, series: Sequence[str] = (), all_series: bool = False
) -> VolumeOutcome:
    """Read PET volumes: each from the slices of one series.

    Parameters
    ----------
    paths : folders, files of single slices, or multi-frame files, as typed by the user. Each folder stands for
        itself; all files that are named one by one belong together.
    options : what the user and the site say; heads have no meaning here
    series : for each series that is wanted the first 8 hexadecimal digits of the SHA-256 of its UID: these alone are
        read; one that is not there is refused with the list of all. () for no choice
    all_series : read every series; else several in one folder, or among the files, are refused with their list

    Returns
    -------
    VolumeOutcome
        Volumes and refusals, each in the order of the arguments; volumes in that of `series` where it is given. Files
        that are refused alike in one folder are one refusal that counts them. No series stops another.

    Raises
    ------
    BadConfiguration
        If a model pattern of the site is not a regular expression.
    """
    from nmqc.dicom.pet import read_volumes

    return read_volumes(paths, options, series, all_series)


def identify(paths: Sequence[Path], options: ReadOptions) -> tuple[Identity, ...]:
    """Say what each file is, in the order of the arguments, and why it would be refused.

    Nothing but allow-listed fields is given; other images are described, too, as far as their header can be read. The
    slices of a PET series are one entry, in the place of the first; a folder is described by its PET series, an entry
    each, and by what else in it would be refused. A PET slice alone is described as a file.

    Raises
    ------
    BadConfiguration
        If a head pattern or a model pattern of the site is not a regular expression.
    """
    from nmqc.dicom.identity import identify_files

    return identify_files(paths, options)

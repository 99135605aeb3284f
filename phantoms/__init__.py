"""Digital phantoms of gamma cameras, whose truth is known in closed form, written as DICOM.

Nothing here uses the analysis programs, nor shares a constant or a formula with them: an error in one
must not cancel an error in the other. What they write says in its header that it is synthetic.

Geometry, for the whole package: arrays are (row, column); x grows with the columns (to the right as
displayed), y with the rows (down); lengths are millimetres. A pixel is an area, known by its edges,
and its value is the mean over that area. Positions are measured from the centre of the matrix, except
those of outlines and defects, which belong to a detector and are measured from the centre of its field.
"""

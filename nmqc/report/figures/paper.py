"""Sizes on paper that the figures share."""

MM_PER_INCH = 25.4
POINTS_PER_MM = 72 / MM_PER_INCH
#: Width of a figure: half the width of a page between its margins.
WIDTH_MM = 88.0
#: Room beside the axes for numbers and labels.
LEFT_MM, BOTTOM_MM, TOP_MM, BAR_MM = 12.5, 7.8, 5.0, 18.0
#: Largest height of axes that are drawn true to scale.
TALL_MM = 46.0
#: Height of the axes of sinograms and polar figures.
GANTRY_MM = 42.0
FONT_PT = 6.5

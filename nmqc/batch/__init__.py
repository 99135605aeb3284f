"""A folder of acquisitions to results in the history: in parallel, once, and whatever happens."""

"""What holds for all tests: the products of matrices that nmqc computes by one thread are computed so here too."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

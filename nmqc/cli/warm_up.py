"""`nmqc warm-up`: compile the kernels that batch runs and large numbers of replicates use."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Compile the fast kernels beforehand.

    Without it the first run that needs them (many replicates, or a batch) compiles them, which takes some
    seconds. They are kept in the user's cache folder, or in NUMBA_CACHE_DIR.
    """
    from time import perf_counter

    from nmqc.catalogue import TESTS

    start = perf_counter()
    click.echo("compiling the kernels of nmqc ...", err=True)
    for test in TESTS:
        test.warm_up()
    click.echo(f"the kernels are ready ({perf_counter() - start:.1f} s)")

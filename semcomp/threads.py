"""How many threads numpy's matrix products may use."""

import os


def use_one_blas_thread() -> None:
    """One, unless the environment says otherwise; to be called before numpy is imported.

    The entropy coder's products are small. With more threads OpenBLAS, which waits for them by
    spinning, takes two to three times the processor time, and longer still beside other programs.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

"""What every test starts from: one thread, known seeds, hypothesis without a clock."""

from __future__ import annotations

import os
import random
import signal

import numpy as np
import pytest
import torch
from hypothesis import settings

if torch.cuda.is_available():  # what is compared with float64 must not be rounded to TensorFloat-32
    torch.backends.cudnn.rnn.fp32_precision = "ieee"
else:  # the kernels for GPUs are interpreted; Triton must know before it is loaded
    os.environ.setdefault("TRITON_INTERPRET", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a shell's background: the processes that tests start and interrupt would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Times differ from machine to machine; the same examples every time make a failure one that can be looked at again.
settings.register_profile("unrolled", deadline=None, derandomize=True)
settings.load_profile("unrolled")


@pytest.fixture(autouse=True)
def seeds() -> None:
    """Seeds every generator; one thread, for small matrices run faster so and add up in one order."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)

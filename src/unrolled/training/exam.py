"""Whether a network answers a task's questions right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.engines import Edit
from unrolled.networks import Network
from unrolled.sources.tasks.counter import Counter
from unrolled.sources.tasks.task import EDGE, Task
from unrolled.sources.vocabulary import Vocabulary


@torch.no_grad()
def greedy_answers(
    network: Network,
    vocabulary: Vocabulary,
    primes: Sequence[str],
    longest: int,
    *,
    edits: Sequence[Edit] = (),
    engine: str = "auto",
) -> list[str]:
    """What the network writes after each prime, always its most probable symbol, its own output fed back.

    Args:
        primes: each from a zero state.
        longest: symbols after which writing stops where no newline came.
        edits: what is held, the same at every step.

    Returns:
        The answers, up to and with the newline that ends each.
    """
    was_training = network.training
    network.eval()
    try:
        written = _write_greedily(network, vocabulary, primes, longest, edits, engine)
    finally:
        network.train(was_training)
    answers = [vocabulary.decode(column) for column in written.T]
    return [answer[: answer.find(EDGE) + 1] if EDGE in answer else answer for answer in answers]


def _write_greedily(
    network: Network,
    vocabulary: Vocabulary,
    primes: Sequence[str],
    longest: int,
    edits: Sequence[Edit],
    engine: str,
) -> NDArray[np.int64]:
    """Numbers of the symbols written, `(steps, primes)`, until each prime's answer has ended or is `longest` long."""
    device = next(network.parameters()).device
    encoded = [torch.from_numpy(vocabulary.encode(prime).astype("int64")) for prime in primes]
    lengths = torch.tensor([len(prime) for prime in encoded])
    padded = torch.nn.utils.rnn.pad_sequence(encoded).to(device)
    logits, state = network(padded, lengths=lengths.to(device), edits=edits, engine=engine)
    newest = logits[lengths - 1, torch.arange(len(primes))].argmax(-1)
    written: list[Tensor] = [newest]
    end = int(vocabulary.encode(EDGE)[0])
    ended = newest == end
    while len(written) < longest and not bool(ended.all()):
        logits, state = network(newest[None], state, edits=edits, engine=engine)
        newest = logits[0].argmax(-1)
        ended |= newest == end
        written.append(newest)
    return torch.stack(written).cpu().numpy()


def share_right(
    network: Network,
    task: Task,
    *,
    vocabulary: Vocabulary | None = None,
    most: int = 1000,
    edits: Sequence[Edit] = (),
    engine: str = "auto",
) -> float:
    """Share of a task's own questions (the first `most`) whose whole answer is right, 0 to 1.

    Args:
        vocabulary: the network's; by default the task's.
        edits: what is held, the same at every step.
    """
    pairs = [task.split(sequence) for sequence, _ in zip(task.sequences(), range(most), strict=False)]
    longest = max(len(answer) for _, answer in pairs) + 1
    primes = [prime for prime, _ in pairs]
    answers = greedy_answers(network, vocabulary or task.vocabulary, primes, longest, edits=edits, engine=engine)
    right = [answer == expected for answer, (_, expected) in zip(answers, pairs, strict=True)]
    return sum(right) / len(right)


def counts_right_to(
    network: Network,
    task: Counter,
    *,
    vocabulary: Vocabulary | None = None,
    most: int = 1000,
    edits: Sequence[Edit] = (),
    engine: str = "auto",
) -> int:
    """The largest N, up to `most`, so that every count from 1 to N is answered right.

    Right for N means: zero state, newline, N a's and an X given, then exactly N b's and the newline.

    Args:
        vocabulary: the network's; by default the task's.
        edits: what is held, the same at every step.
    """
    block = 16
    for first in range(1, most + 1, block):
        counts = range(first, min(first + block, most + 1))
        primes = [f"{EDGE}{'a' * count}{task.mark}" for count in counts]
        answers = greedy_answers(
            network, vocabulary or task.vocabulary, primes, counts[-1] + 2, edits=edits, engine=engine
        )
        for count, prime, answer in zip(counts, primes, answers, strict=True):
            if answer != task.expected(prime):
                return count - 1
    return most

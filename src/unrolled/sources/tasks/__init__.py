"""Small languages that a network must remember something to get right; one task a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unrolled.registry import Registry

if TYPE_CHECKING:
    from unrolled.sources.tasks.task import Task

TASKS: Registry[type[Task]] = Registry(
    "unrolled.tasks",
    {
        "counter": "unrolled.sources.tasks.counter:Counter",
        "selective-counter": "unrolled.sources.tasks.selective_counter:SelectiveCounter",
        "state-memorizer": "unrolled.sources.tasks.state_memorizer:StateMemorizer",
        "copy-machine": "unrolled.sources.tasks.copy_machine:CopyMachine",
    },
)

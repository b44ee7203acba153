"""Where sequences of symbols come from: tasks, text files, folders, archives, standard input."""

from unrolled.sources.corpus import PARTS, Corpus, Part, PartName, Parts, prepare
from unrolled.sources.opening import open_source
from unrolled.sources.source import SYMBOLS, Block, Source, Symbols
from unrolled.sources.tasks import TASKS
from unrolled.sources.tasks.source import TaskSource
from unrolled.sources.tasks.task import Batch, Task
from unrolled.sources.text import TextSource
from unrolled.sources.vocabulary import UnknownSymbolError, Vocabulary, bytes_vocabulary

__all__ = [
    "PARTS",
    "SYMBOLS",
    "TASKS",
    "Batch",
    "Block",
    "Corpus",
    "Part",
    "PartName",
    "Parts",
    "Source",
    "Symbols",
    "Task",
    "TaskSource",
    "TextSource",
    "UnknownSymbolError",
    "Vocabulary",
    "bytes_vocabulary",
    "open_source",
    "prepare",
]

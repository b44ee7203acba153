"""Completion in editors: a language server over standard input and output. Needs the extra `lsp`."""

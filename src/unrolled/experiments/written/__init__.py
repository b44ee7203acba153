"""How good a text is that a network wrote: plain functions over the text, most of which give a `Share`."""

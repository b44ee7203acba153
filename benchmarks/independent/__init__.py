"""Labels of text that are made in another way than the package makes them: by parsers, and character by character."""

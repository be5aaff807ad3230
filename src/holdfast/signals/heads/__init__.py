"""One head a file; the panel finds them by a sorted scan of this folder. See docs/howto/add-a-head.md."""

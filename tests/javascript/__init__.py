"""The live view's JavaScript: its parts in node, the whole in a browser with a fake kernel."""

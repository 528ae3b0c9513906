"""The link before any program: a proxy in user space, on any system."""

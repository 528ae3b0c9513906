"""The link in front of any program: a proxy in user space, on any system."""

"""The command line: parse, call the library, render, exit code. A command is a module that is imported when it is named."""

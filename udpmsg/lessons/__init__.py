"""Experiments for a class that predict, run, check themselves and explain: one file a lesson, listed in `table`.

Knows how lessons are run and judged; how they look is for `printed` and `page`.
"""

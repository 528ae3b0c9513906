"""Experiments for a class that predict, run, check themselves and explain: a module and a file of texts per lesson, listed in `table`.

Knows how lessons are run and judged; how they look is the business of `printed` and `page`.
"""

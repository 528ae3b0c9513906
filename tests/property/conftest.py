"""The Hypothesis profile of the directory: that of all tests, with more examples."""

from hypothesis import settings

settings.register_profile("udpmsg", settings.get_profile("patient"), max_examples=150)
settings.load_profile("udpmsg")

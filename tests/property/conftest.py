"""One Hypothesis profile for the directory: no deadline, moderate, and the blob of a failure is printed for replay."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "udpmsg",
    deadline=None,
    max_examples=150,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("udpmsg")

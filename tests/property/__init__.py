"""Properties that hold for every input, looked for by Hypothesis."""

"""What `scripts/bench distance` measures: bulk over a link of the lab, beside the kernel's TCP."""

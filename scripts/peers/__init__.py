"""What `scripts/bench peers` sets udpmsg beside: C tools, small Python programs of our own, libraries."""

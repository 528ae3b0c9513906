"""Stories about the link: fates, frames, captures, and the programs that carry them."""

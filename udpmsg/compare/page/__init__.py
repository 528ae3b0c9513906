"""The parts of the HTML page of a comparison, each part by itself. `whole` puts them together."""

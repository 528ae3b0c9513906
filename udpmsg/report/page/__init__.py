"""The parts of the HTML page of a comparison: markup as text, each part by itself. `report.html` puts them together."""

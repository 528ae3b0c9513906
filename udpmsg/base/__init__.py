"""The ground that everything else stands on: what every part may use, and which uses no part."""

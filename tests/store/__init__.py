"""The store: what it keeps, what it refuses, and what is left of it when its process or its disk ends in the middle."""

"""The library: the core and a socket, joined by one loop. What `import udpmsg` offers is made here."""

"""jaxsci against its peers: the same work, interleaved runs, medians, and the share of the machine's limit."""

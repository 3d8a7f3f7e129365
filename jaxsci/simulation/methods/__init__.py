"""One-step methods: each is a page of data, the engines are written once."""

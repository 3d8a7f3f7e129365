"""From what a user says to a least-squares problem: terms of the loss, data, and unknowns inside the law."""

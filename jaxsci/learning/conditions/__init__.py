"""What holds at the start and at the walls: built into the trial function where it can be, in the loss where not."""

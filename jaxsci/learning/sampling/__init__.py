"""Where the law is asked to hold: points of boxes and regions, and how they change during a training."""

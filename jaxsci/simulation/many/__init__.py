"""Many runs at once: lanes of a vector, all cores, all devices."""

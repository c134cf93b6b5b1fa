"""What campaigns talk about: specifications, events, and the record that the events add up to."""

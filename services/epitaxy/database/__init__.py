"""Tables that several services share, their versions, and the connection to them."""

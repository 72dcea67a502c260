"""What numbers say of a snapshot: pure float analytics over the domain, never an order."""

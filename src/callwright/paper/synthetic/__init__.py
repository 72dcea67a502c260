"""A made-up options market: seeded, arbitrage-free, and never evidence of edge."""

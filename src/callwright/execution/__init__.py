"""From an approved trade to what became of it: plan, send once, look up, reconcile."""

"""The paper exchange: market sources, and an engine that trades, margins and settles on them."""

"""The desk's words as frozen models. No I/O, no clock, nothing of ours imported but errors."""

"""A language model on this machine: fetched once, checked, served as an OpenAI-compatible API.

Nothing else depends on it: the desk reaches it through ``LLM_BASE_URL`` like any other server.
"""

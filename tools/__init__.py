"""What an agent may call, as pure functions over one frozen snapshot: nothing here can send.

They return JSON text. The agents SDK is not imported here; ``callwright.agents`` wraps them.
"""

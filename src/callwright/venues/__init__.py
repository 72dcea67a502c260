"""Exchanges behind the ports: each adapter turns a venue's answers and errors into the desk's."""

"""Runs implementations: workers, sessions, checks applied, causes found; emits events and knows no consumer."""

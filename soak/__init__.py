"""Breaks streams in every way that we know, for as long as one likes, and checks what each reader got.

`make soak` runs it whole; `tests/test_soak.py` runs each scenario in a short form. All of it stays on loopback.
"""

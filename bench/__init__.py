"""`make bench`: what a streamed event costs here, beside nginx and beside a plain Django view, in one run.

Upstream, load and targets are processes of their own, so that each one's processor time and memory are its own. It is
no part of the installed package, needs Linux (it reads `/proc`), and opens loopback addresses only.
"""

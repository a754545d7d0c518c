"""A day of mixed traffic in half an hour: real streams of a real server, its rows compared with what is known of them.

`python -m soak.day --keep FOLDER` leaves a data folder to look at in the page's statistics.
"""

"""What EAS costs, measured beside what it could cost at best and what such a system usually costs.

``python3 manage.py bench`` starts its own servers with production settings, measures several rounds in turn, and writes
a table of medians, spreads and ratios.
"""

"""The explorer of back-propagation through time: one HTML file for a browser.

`steps` goes through a small network step by step, forward and back, with the lecture's mistakes
as switches. `numbers` computes what the page shows, for every cell, length and mistake.
`page` puts the numbers, the style and the script into one file.
"""

from xprnn._explorer.page import make_page

__all__ = ["make_page"]

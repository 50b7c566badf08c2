"""Drawings of networks: the pictures of pages that show how something works, and no data.

A comment before the picture says which function draws it, and refresh.py calls it:

    <!-- drawn by drawings.py: forward -->

Each function draws on a figure of its own. Letters are large, so that they can be read where a
page is 400 pixels wide.
"""

import math

import matplotlib.pyplot as plt

WAY_ON, WAY_BACK, PALE = "#1f5fa8", "#c2410c", "0.65"
ABOVE, LEFT, RIGHT = (0.22, 0.24), (-0.35, 0), (0.3, 0)
STEPS = (1, 2, 3)
COLUMN, RADIUS, JOIN = 2.0, 0.55, 0.3
ROWS = {"x": 0.0, "z": 1.75, "h": 3.45, "y": 5.2, "L": 6.75}


def _start(width, height, right, top, left=0.0, bottom=0.0):
    """Return Axes without a frame whose units are as wide as they are high."""
    _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.axis("off")
    return ax


def _write(ax, place, text, color="black", size=18):
    """Write text with its centre at a place."""
    ax.text(*place, text, color=color, fontsize=size, ha="center", va="center", zorder=4)


def _node(ax, place, text, color, size=18):
    """Draw a circle with a value in it."""
    ax.add_patch(plt.Circle(place, RADIUS, facecolor="white", edgecolor=color, lw=2, zorder=3))
    _write(ax, place, text, color, size)


def _arrow(ax, tail, head, color, text="", shift=LEFT, gap=RADIUS + 0.02):
    """Draw an arrow from the rim of one circle to that of another, with text beside its middle."""
    (x0, y0), (x1, y1) = tail, head
    length = math.hypot(x1 - x0, y1 - y0)
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    tail, head = (x0 + gap * dx, y0 + gap * dy), (x1 - gap * dx, y1 - gap * dy)
    style = {"arrowstyle": "-|>,head_width=0.35,head_length=0.6", "color": color, "lw": 2.2}
    style |= {"shrinkA": 0, "shrinkB": 0}
    ax.annotate("", head, tail, arrowprops=style, zorder=2)
    if text:
        place = (x0 + x1) / 2 + shift[0], (y0 + y1) / 2 + shift[1]
        _write(ax, place, text, color)


def _unrolled():
    """Return Axes for three steps, and the places of the network's values on them."""
    ax = _start(6, 6.3, right=6.65, top=7.35, left=-0.65, bottom=-0.65)
    places = {(name, t): (t * COLUMN, ROWS[name]) for t in STEPS for name in "xzhy"}
    places["h", 0] = (0.0, ROWS["h"])
    places["L"] = (2 * COLUMN, ROWS["L"])
    return ax, places


def forward():
    """Draw the network unrolled over three steps, with the matrices on its arrows."""
    ax, at = _unrolled()
    names = {"x": "x", "z": "z", "h": "h", "y": r"\hat y"}
    for t in STEPS:
        _arrow(ax, at["x", t], at["z", t], WAY_ON, "$W$")
        _arrow(ax, at["z", t], at["h", t], WAY_ON, "$f$", RIGHT)
        _arrow(ax, at["h", t], at["y", t], WAY_ON, "$W_y$")
        _arrow(ax, at["h", t - 1], at["z", t], WAY_ON, "$U$", ABOVE)
        _arrow(ax, at["y", t], at["L"], WAY_ON)
    for name, t in [*((name, t) for t in STEPS for name in "xzhy"), ("h", 0)]:
        _node(ax, at[name, t], f"${names[name]}({t})$", WAY_ON)
    _node(ax, at["L"], "$L$", WAY_ON)


def backward():
    """Draw the way of the gradient back through the same network."""
    ax, at = _unrolled()
    names = {"z": "z", "h": "h", "y": r"\hat y"}
    turned = {name: rf"${name}^\mathsf{{T}}$" for name in ("U", "W_y")}
    for t in STEPS:
        _arrow(ax, at["x", t], at["z", t], PALE, "$W$")
        _node(ax, at["x", t], f"$x({t})$", PALE)
        _arrow(ax, at["L"], at["y", t], WAY_BACK)
        _arrow(ax, at["y", t], at["h", t], WAY_BACK, turned["W_y"])
        _arrow(ax, at["h", t], at["z", t], WAY_BACK, "$f'$", RIGHT)
        _arrow(ax, at["z", t], at["h", t - 1], WAY_BACK, turned["U"], ABOVE)
        for name in "zhy":
            _node(ax, at[name, t], rf"$\mathrm{{d}}{names[name]}({t})$", WAY_BACK, size=16)
    _node(ax, at["h", 0], r"$\mathrm{d}h(0)$", WAY_BACK, size=16)
    _node(ax, at["L"], "$L$", WAY_BACK)


def _box(ax, place, text, color=WAY_ON, width=1.1, height=1.1, size=18):
    """Draw a box with a value or a formula in it."""
    corner = place[0] - width / 2, place[1] - height / 2
    options = {"facecolor": "white", "edgecolor": color, "lw": 2, "zorder": 3}
    ax.add_patch(plt.Rectangle(corner, width, height, **options))
    _write(ax, place, text, color, size)


def _join(ax, place, sign):
    """Draw a small circle where two values are multiplied or added."""
    options = {"facecolor": "0.93", "edgecolor": "black", "lw": 1.5, "zorder": 3}
    ax.add_patch(plt.Circle(place, JOIN, **options))
    _write(ax, place, sign, size=17)


def _line(ax, *places, end):
    """Draw an arrow through places that ends a little before the last one."""
    *_, (x0, y0), (x1, y1) = places
    length = math.hypot(x1 - x0, y1 - y0)
    head = x1 - end * (x1 - x0) / length, y1 - end * (y1 - y0) / length
    if len(places) > 2:
        ax.plot(*zip(*places[:-1], strict=True), color="black", lw=2, zorder=1)
    style = {"arrowstyle": "-|>,head_width=0.3,head_length=0.5", "color": "black", "lw": 2}
    ax.annotate("", head, (x0, y0), arrowprops=style | {"shrinkA": 0, "shrinkB": 0}, zorder=1)


def lstm():
    """Draw what an LSTM does at one step."""
    ax = _start(6, 4.75, right=10.1, top=8.0, left=-0.8, bottom=-0.45)
    top, middle, gates, bar = 7.5, 5.6, 3.8, 1.9
    columns = {"f": 1.5, "i": 3.6, "g": 5.4, "o": 7.6}
    plus = (columns["i"] + columns["g"]) / 2
    for name, x in columns.items():
        _line(ax, (x, bar + 0.5), (x, gates), end=0.55)
        _box(ax, (x, gates), f"${name}$", WAY_BACK if name == "g" else WAY_ON)
        kind = r"$\tanh$" if name == "g" else r"$\sigma$"
        _write(ax, (x + 0.65, gates + 0.8), kind, size=15)
    _line(ax, (3.2, 0.45), (3.2, bar), end=0.5)
    _line(ax, (6.0, 0.45), (6.0, bar), end=0.5)
    _box(ax, (4.5, bar), r"$z = x(t)\,W + h(t-1)\,U + b$", "black", 8.4, 1.0, 17)
    _line(ax, (0.95, top), (columns["f"], top), end=JOIN)
    _line(ax, (columns["f"], top), (plus, top), end=JOIN)
    _line(ax, (plus, top), (9.4, top), end=RADIUS)
    _line(ax, (columns["f"], gates + 0.55), (columns["f"], top), end=JOIN)
    _line(ax, (columns["i"], gates + 0.55), (columns["i"], middle), (plus, middle), end=JOIN)
    _line(ax, (columns["g"], gates + 0.55), (columns["g"], middle), (plus, middle), end=JOIN)
    _line(ax, (plus, middle), (plus, top), end=JOIN)
    _line(ax, (columns["o"], gates + 0.55), (columns["o"], middle), end=JOIN)
    _line(ax, (columns["o"], top), (columns["o"], middle), end=JOIN)
    _write(ax, (columns["o"] + 0.7, (top + middle) / 2), r"$\tanh$", size=16)
    _line(ax, (columns["o"], middle), (9.4, middle), end=RADIUS)
    for place in ((columns["f"], top), (plus, middle), (columns["o"], middle)):
        _join(ax, place, r"$\times$")
    _join(ax, (plus, top), "$+$")
    inputs = ("x(t)", (3.2, 0)), ("h(t-1)", (6.0, 0)), ("c(t-1)", (0, top))
    for text, place in (*inputs, ("c(t)", (9.4, top)), ("h(t)", (9.4, middle))):
        _write(ax, place, f"${text}$")


def gru():
    """Draw what a GRU does at one step, with the reset after the product."""
    ax = _start(6, 4.75, right=10.1, top=8.0, left=-0.8, bottom=-0.45)
    top, middle, gates, bar = 7.5, 5.8, 3.7, 1.9
    z, r, reset, n = 1.5, 3.7, 5.6, 7.4
    for x in (z, r, reset, n):
        _line(ax, (x, bar + 0.5), (x, gates), end=0.55 if x in (z, r) else JOIN)
    _write(ax, (reset + 0.8, 2.85), "$q_n + v$", size=15)
    _write(ax, (n + 0.45, 2.85), "$p_n$", size=15)
    for x, name in ((z, "z"), (r, "r")):
        _box(ax, (x, gates), f"${name}$")
        _write(ax, (x + 0.65, gates + 0.8), r"$\sigma$", size=15)
    _line(ax, (3.2, 0.45), (3.2, bar), end=0.5)
    _line(ax, (6.0, 0.45), (6.0, bar), end=0.5)
    _box(ax, (4.5, bar), r"$p = x(t)\,W + b \qquad q = h(t-1)\,U$", "black", 8.4, 1.0, 17)
    _line(ax, (r, gates), (reset, gates), end=JOIN)
    _line(ax, (reset, gates), (n, gates), end=JOIN)
    _line(ax, (n, gates), (n, middle), end=0.55)
    _box(ax, (n, middle), "$n$", WAY_BACK)
    _write(ax, (n + 0.75, middle - 0.85), r"$\tanh$", size=15)
    plus = r + 0.4
    _line(ax, (n, middle), (plus, middle), end=JOIN)
    _line(ax, (z, middle), (plus, middle), end=JOIN)
    _write(ax, ((z + plus) / 2, middle + 0.4), "$1 - z$", size=16)
    _line(ax, (plus, middle), (plus, top), end=JOIN)
    _line(ax, (z, gates + 0.55), (z, top), end=JOIN)
    _line(ax, (0.95, top), (z, top), end=JOIN)
    _line(ax, (z, top), (plus, top), end=JOIN)
    _line(ax, (plus, top), (9.4, top), end=RADIUS)
    for place in ((z, top), (plus, middle), (reset, gates)):
        _join(ax, place, r"$\times$")
    for place in ((plus, top), (n, gates)):
        _join(ax, place, "$+$")
    ends = ("x(t)", (3.2, 0)), ("h(t-1)", (6.0, 0)), ("h(t-1)", (0, top)), ("h(t)", (9.4, top))
    for text, place in ends:
        _write(ax, place, f"${text}$")

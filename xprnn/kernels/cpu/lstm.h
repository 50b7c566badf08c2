/* As cells/lstm.py, without peepholes. The gates i, f, g, o are kept for the way back, and of
   c the first step alone: the others follow from it and the gates. */

static inline vec cell_forward(const problem *q, spot s, const vec *z) {
    const ptrdiff_t H = q->size, n = s.n;
    vec i = sigmoid(z[0]), f = sigmoid(z[1]), g = hyperbolic_tangent(z[2]), o = sigmoid(z[3]);
    vec c = f * load(q->c + s.now, n) + i * g;
    real *gates = q->gates + s.gate;
    store(gates, i, n);
    store(gates + H, f, n);
    store(gates + 2 * H, g, n);
    store(gates + 3 * H, o, n);
    store(q->c + s.next, c, n);
    return o * hyperbolic_tangent(c);
}

/* c(t-1), gates -> c(t) once more. */
static inline void cell_recall(const problem *q, spot s) {
    const ptrdiff_t H = q->size, n = s.n;
    const real *gates = q->gates + s.gate;
    vec i = load(gates, n), f = load(gates + H, n), g = load(gates + 2 * H, n);
    store(q->c + s.next, f * load(q->c + s.now, n) + i * g, n);
}

static inline vec cell_backward(const problem *q, spot s, vec dh) {
    const ptrdiff_t H = q->size, n = s.n;
    const real *gates = q->gates + s.gate;
    vec i = load(gates, n), f = load(gates + H, n);
    vec g = load(gates + 2 * H, n), o = load(gates + 3 * H, n);
    vec out = hyperbolic_tangent(load(q->c + s.next, n));
    vec dc = load(q->dc + s.row, n) + dh * o * (1 - out * out);
    real *dp = q->dp + s.gate;
    store(dp, dc * g * (i * (1 - i)), n);
    store(dp + H, dc * load(q->c + s.now, n) * (f * (1 - f)), n);
    store(dp + 2 * H, dc * i * (1 - g * g), n);
    store(dp + 3 * H, dh * out * (o * (1 - o)), n);
    store(q->dc + s.row, dc * f, n);
    return (vec){0};
}

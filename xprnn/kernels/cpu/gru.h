/* As GRU of cells/gru.py, reset after the product; u = q_n + v.
   The gates r, z, n and u are kept for the way back. */

static inline vec cell_forward(const problem *q, spot s, const vec *sums) {
    const ptrdiff_t H = q->size;
    vec r = sigmoid(sums[0]), z = sigmoid(sums[1]);
    vec u = sums[2] + load(q->v + s.unit, s.n);
    vec n = hyperbolic_tangent(sums[3] + r * u);
    real *gates = q->gates + s.gate;
    store(gates, r, s.n);
    store(gates + H, z, s.n);
    store(gates + 2 * H, n, s.n);
    store(q->u + s.step, u, s.n);
    return n + z * (load(q->h + s.now, s.n) - n);
}

static inline vec cell_backward(const problem *q, spot s, vec dh) {
    const ptrdiff_t H = q->size;
    const real *gates = q->gates + s.gate;
    vec r = load(gates, s.n), z = load(gates + H, s.n), n = load(gates + 2 * H, s.n);
    vec dz_z = dh * (load(q->h + s.now, s.n) - n) * (z * (1 - z));
    vec dz_n = dh * (1 - z) * (1 - n * n);
    vec dz_r = dz_n * load(q->u + s.step, s.n) * (r * (1 - r));
    real *dp = q->dp + s.gate, *dq = q->dq + s.gate;
    store(dp, dz_r, s.n);
    store(dp + H, dz_z, s.n);
    store(dp + 2 * H, dz_n, s.n);
    store(dq, dz_r, s.n);
    store(dq + H, dz_z, s.n);
    store(dq + 2 * H, dz_n * r, s.n);
    return dh * z;
}

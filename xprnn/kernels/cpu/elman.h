/* As cells/elman.py:  h = f(z), z = p + q      dp = dq = dh f'(z) */

enum { TANH, RELU, SIGMOID, IDENTITY }; /* q->activation */

static inline vec cell_forward(const problem *q, spot s, const vec *z) {
    (void)s;
    switch (q->activation) {
    case TANH: return hyperbolic_tangent(*z);
    case RELU: return choose(*z < 0, (vec){0}, *z);
    case SIGMOID: return sigmoid(*z);
    default: return *z;
    }
}

static inline vec cell_backward(const problem *q, spot s, vec dh) {
    vec h = load(q->h + s.next, s.n);
    switch (q->activation) {
    case TANH: dh *= 1 - h * h; break;
    case RELU: dh = choose(h > 0, dh, (vec){0}); break;
    case SIGMOID: dh *= h * (1 - h); break;
    }
    store(q->dp + s.gate, dh, s.n);
    return (vec){0};
}

/* As cells/elman.py:  h = f(p + q)      dp = dq = dh f'(z) */

enum { TANH, RELU, SIGMOID, IDENTITY }; /* q->activation */

static inline vec cell_forward(const problem *q, spot s, const vec *z) {
    vec sum = load(q->p + s.gate, s.n) + z[0];
    switch (q->activation) {
    case TANH: return hyperbolic_tangent(sum);
    case RELU: return choose(sum < 0, (vec){0}, sum);
    case SIGMOID: return sigmoid(sum);
    default: return sum;
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

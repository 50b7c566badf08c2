/*
 * The loop of recurrence.py, forward with its input product and backward, for one cell and
 * one dtype.
 *
 * Compiled on the machine that runs it, with CELL and REAL defined:
 *
 *     CELL   1 Elman, 3 GRU, 4 LSTM, which is the number of gates G
 *     REAL   32 or 64, the bits of a number
 *
 * Every step is the same: b + x W + h U, or dq Uᵀ, with matrices that were laid out anew
 * once (pack), and then, while the sums are at hand, the pointwise part of the cell. A tile
 * is some rows of the batch times one panel of units; its sums stay in registers.
 *
 * Arrays are in C order: (models, steps, batch, ...). Each thread takes part of the
 * models, of the rows or of the units; only units need the others at every step, and
 * wait for them. Every sum is made by one thread and in the same order, so that the
 * result does not depend on the number of threads.
 */

#ifndef _WIN32
#include <sched.h>
#endif

#include "vectors.h"

enum {
    GATES = CELL,
    VECTORS = CELL == 3 ? 3 : 4, /* in a row of a panel */
    GROUPS = VECTORS / GATES,    /* of LANES units with all their gates, in a row of U */
    SUMS = 4,                    /* of a row: those of GRU are r, z, q_n and p_n */
    ROWS = REGISTERS == 32 ? 6 : 3
};

typedef struct {
    ptrdiff_t models, steps, batch, inputs, size, parts, axis, activation, weights_stride;
    const real *weights;       /* packed: b, W and U, or the transpose of U */
    const real *x, *v;         /* (M, T, B, F), (M, 1, H) */
    const real *keep;          /* (M, B, H) or 0 */
    const unsigned char *mask; /* (T, B) or 0 */
    real *h, *c;               /* (M, T + 1, B, H), the first step given */
    real *gates, *u;           /* (M, T, B, G·H), (M, T, B, H) */
    real *seen;                /* (M, 2, B, H), k h of this step and the last, with keep */
    const real *dy;            /* (M, T, B, H) */
    real *dp, *dq;             /* (M, T, B, G·H), one array but for GRU */
    real *dh, *dc;             /* (M, B, H), of the last state; in the end of the first */
    ptrdiff_t *arrived;        /* how often threads came to the end of a step; 1 to give up */
} problem;

enum { MODELS, BATCH, UNITS }; /* axis: what each thread takes part of */

/* Where LANES units of one row at step t stand in the arrays. */
typedef struct {
    ptrdiff_t unit, n;   /* the first of them, and how many there are from it on */
    ptrdiff_t row;       /* in (B, H) */
    ptrdiff_t step;      /* in (T, B, H) */
    ptrdiff_t now, next; /* h(t-1) and h(t) in (T + 1, B, H) */
    ptrdiff_t gate;      /* the first gate in (T, B, G·H); H further is the next */
} spot;

#if CELL == 1
#include "elman.h"
#elif CELL == 3
#include "gru.h"
#else
#include "lstm.h"
#endif

static inline spot at(const problem *q, ptrdiff_t t, ptrdiff_t row, ptrdiff_t unit) {
    const ptrdiff_t H = q->size, flat = t * q->batch + row, step = flat * H + unit;
    return (spot){unit, H - unit, row * H + unit, step, step, step + q->batch * H, flat * GATES * H + unit};
}

/* p, q, state(t-1) -> state(t), where z = p + q of every gate. */
static void step(const problem *q, ptrdiff_t t, ptrdiff_t row, ptrdiff_t unit, const vec *z) {
    const spot s = at(q, t, row, unit);
    vec h;
    if (!q->mask || q->mask[t * q->batch + row])
        h = cell_forward(q, s, z);
    else {
        h = load(q->h + s.now, s.n);
        if (q->c) store(q->c + s.next, load(q->c + s.now, s.n), s.n);
    }
    store(q->h + s.next, h, s.n);
    if (q->keep) {
        real *seen = q->seen + (t + 1) % 2 * q->batch * q->size;
        store(seen + s.row, h * load(q->keep + s.row, s.n), s.n);
    }
}

/* dstate(t) -> dp(t), dq(t), and what goes on to t - 1 directly, where sum = dq(t+1) Uᵀ.
   At t = -1 what is left is the gradient of the first state. */
static void step_back(const problem *q, ptrdiff_t t, ptrdiff_t row, ptrdiff_t unit,
                      const vec *sum) {
    const spot s = at(q, t, row, unit);
    const ptrdiff_t after = t + 1;
    const int passed_on = after < q->steps && (!q->mask || q->mask[after * q->batch + row]);
    vec dh = passed_on ? *sum : all(-(real)0); /* 0 times an infinite weight is NaN; -0 + x is x */
    if (q->keep) dh *= load(q->keep + s.row, s.n);
    dh += load(q->dh + s.row, s.n);
    if (t >= 0) {
        dh += load(q->dy + s.step, s.n);
        if (!q->mask || q->mask[t * q->batch + row])
            dh = cell_backward(q, s, dh);
        else
            for (int gate = 0; gate < GATES; gate++) {
                store(q->dp + s.gate + gate * q->size, (vec){0}, s.n);
                store(q->dq + s.gate + gate * q->size, (vec){0}, s.n);
            }
    }
    store(q->dh + s.row, dh, s.n);
}

/* sums(r, v) += Σ a(r, k) w(k, v) over k, for R rows of a and the next rows of a panel. */
#define ADD(R, a, stride, count, sum)                                                          \
    for (ptrdiff_t k = 0; k < count; k++, w += VECTORS)                                        \
        _Pragma("GCC unroll 8") for (int r = 0; r < R; r++)                                    \
            _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++)                          \
                s[r][sum] += (a)[r * (stride) + k] * w[v];

/* b + x W + h U. GRU has p_n, from b and W, apart from q_n, from U. */
#define PRODUCT(R)                                                                             \
    static void product_##R(const real *x, ptrdiff_t inputs, const real *h, ptrdiff_t count,   \
                            const loose *w, vec sums[][SUMS]) {                                \
        const real one = 1;                                                                    \
        vec s[R][SUMS] = {0};                                                                  \
        if (x) {                                                                               \
            ADD(R, &one, 0, 1, CELL == 3 && v == 2 ? 3 : v)                                    \
            ADD(R, x, inputs, inputs, CELL == 3 && v == 2 ? 3 : v)                             \
        }                                                                                      \
        ADD(R, h, count, count, v)                                                             \
        memcpy(sums, s, sizeof s);                                                             \
    }

PRODUCT(1)
PRODUCT(2)
PRODUCT(3)
PRODUCT(4)
PRODUCT(5)
PRODUCT(6)

typedef void tile_product(const real *, ptrdiff_t, const real *, ptrdiff_t, const loose *,
                          vec[][SUMS]);

static tile_product *const product[] = {product_1, product_2, product_3,
                                        product_4, product_5, product_6};

static inline ptrdiff_t panels(ptrdiff_t size, ptrdiff_t groups) {
    return (size + groups * LANES - 1) / (groups * LANES);
}

/* How many panels there are, and how many numbers in each row of one. */
ptrdiff_t panel_count(ptrdiff_t size, int transposed) {
    return panels(size, transposed ? VECTORS : GROUPS);
}

ptrdiff_t panel_width(void) { return VECTORS * LANES; }

typedef struct {
    ptrdiff_t begin, end;
} range;

/* The part of `count` things that one of `parts` threads takes. */
static range share(ptrdiff_t count, ptrdiff_t part, ptrdiff_t parts) {
    return (range){count * part / parts, count * (part + 1) / parts};
}

/* Lay out a matrix (count, G·H), or the transpose of one (H, count), as rows of panels, which
   are `stride` apart: all that a tile multiplies, one after the other. A panel has every
   gate of its units; where there is no unit, it has 0. */
static void pack_one(const real *matrix, ptrdiff_t count, real *packed, ptrdiff_t stride,
                     ptrdiff_t size, int transposed, range panel) {
    const ptrdiff_t groups = transposed ? VECTORS : GROUPS, width = VECTORS * LANES;
    for (ptrdiff_t j = panel.begin; j < panel.end; j++)
        for (ptrdiff_t vector = 0; vector < VECTORS; vector++) {
            real *to = packed + j * stride + vector * LANES;
            ptrdiff_t gate = transposed ? 0 : vector / GROUPS;
            ptrdiff_t unit = (j * groups + vector % groups) * LANES, n = size - unit;
            if (transposed)
                for (ptrdiff_t k = 0; k < count; k++)
                    for (ptrdiff_t lane = 0; lane < LANES; lane++)
                        to[k * width + lane] = lane < n ? matrix[(unit + lane) * count + k] : 0;
            else
                for (ptrdiff_t k = 0; k < count; k++) {
                    const real *row = matrix + (k * GATES + gate) * size + unit;
                    store(to + k * width, n > 0 ? load(row, n) : (vec){0}, LANES);
                }
        }
}

/* b, W and U of some models, one below the other; where there is no b, the transpose of U. */
void pack(ptrdiff_t models, const real *b, const real *W, const real *U, ptrdiff_t inputs,
          ptrdiff_t size, real *packed, ptrdiff_t parts, ptrdiff_t part) {
    const ptrdiff_t columns = GATES * size, all = panel_count(size, !b);
    const ptrdiff_t rows = b ? 1 + inputs + size : columns, stride = rows * panel_width();
    const range mine = share(all, part, parts);
    for (ptrdiff_t m = 0; m < models; m++, packed += all * stride) {
        if (!b) {
            pack_one(U + m * size * columns, columns, packed, stride, size, 1, mine);
            continue;
        }
        real *W_rows = packed + panel_width(), *U_rows = W_rows + inputs * panel_width();
        pack_one(b + m * columns, 1, packed, stride, size, 0, mine);
        pack_one(W + m * inputs * columns, inputs, W_rows, stride, size, 0, mine);
        pack_one(U + m * size * columns, size, U_rows, stride, size, 0, mine);
    }
}

/* Wait until all threads have arrived here `times` times, or the work is given up. */
static void meet(const problem *q, ptrdiff_t times) {
    const ptrdiff_t all = times * q->parts;
    __atomic_fetch_add(q->arrived, 1, __ATOMIC_ACQ_REL);
    for (int turns = 0; __atomic_load_n(q->arrived, __ATOMIC_ACQUIRE) < all; turns++) {
        if (__atomic_load_n(q->arrived + 1, __ATOMIC_ACQUIRE)) return;
#ifndef _WIN32
        if (turns > 1000) sched_yield();
#endif
    }
}

/* The same, if the axis is the one that is shared out; else all. */
static range along(const problem *q, ptrdiff_t axis, ptrdiff_t part, ptrdiff_t count) {
    return q->axis == axis ? share(count, part, q->parts) : (range){0, count};
}

/* Model m alone. */
static problem model(const problem *all, ptrdiff_t m) {
    problem q = *all;
    const ptrdiff_t rows = q.batch * q.size, states = m * (q.steps + 1) * rows;
    const ptrdiff_t units = m * q.steps * rows;
    q.weights += m * q.weights_stride;
    if (q.x) q.x += m * q.steps * q.batch * q.inputs;
    if (q.v) q.v += m * q.size;
    if (q.keep) q.keep += m * rows;
    q.h += states;
    if (q.c) q.c += states;
    if (q.gates) q.gates += units * GATES;
    if (q.u) q.u += units;
    if (q.seen) q.seen += 2 * m * rows;
    if (q.dy) q.dy += units;
    if (q.dp) q.dp += units * GATES;
    if (q.dq) q.dq += units * GATES;
    if (q.dh) q.dh += m * rows;
    if (q.dc) q.dc += m * rows;
    return q;
}

typedef void pointwise(const problem *, ptrdiff_t t, ptrdiff_t row, ptrdiff_t unit, const vec *);

/* One step: for every tile of these rows and panels the products, if there is a factor, and
   then the pointwise part of each of the panel's groups of units. */
static inline __attribute__((always_inline)) void tiles(const problem *q, range row, range panel,
                                                        ptrdiff_t t, const real *x,
                                                        const real *factor, ptrdiff_t count,
                                                        ptrdiff_t groups, pointwise part) {
    const ptrdiff_t all = row.end - row.begin, parts = (all + ROWS - 1) / ROWS;
    const ptrdiff_t rows_of_panel = x ? 1 + q->inputs + count : count;
    for (ptrdiff_t j = panel.begin; j < panel.end; j++)
        for (ptrdiff_t i = 0; i < parts; i++) {
            const range mine = share(all, i, parts);
            const ptrdiff_t first = row.begin + mine.begin, rows = mine.end - mine.begin;
            const real *w = q->weights + j * rows_of_panel * VECTORS * LANES;
            vec sums[ROWS][SUMS];
            if (factor)
                product[rows - 1](x ? x + first * q->inputs : 0, q->inputs,
                                  factor + first * count, count, (const loose *)w, sums);
            else
                memset(sums, 0, sizeof sums);
            for (ptrdiff_t r = 0; r < rows; r++)
                for (ptrdiff_t group = 0; group < groups; group++) {
                    ptrdiff_t unit = (j * groups + group) * LANES;
                    if (unit < q->size) part(q, t, first + r, unit, sums[r] + group);
                }
        }
}

void forward(const problem *all, ptrdiff_t part) {
    const ptrdiff_t H = all->size, stride = all->batch * H;
    const range models = along(all, MODELS, part, all->models);
    const range row = along(all, BATCH, part, all->batch);
    const range panel = along(all, UNITS, part, panels(H, GROUPS));
    ptrdiff_t met = 0;
    for (ptrdiff_t m = models.begin; m < models.end; m++) {
        const problem q = model(all, m);
        for (ptrdiff_t t = 0; t < q.steps; t++) {
            const real *x = q.x + t * q.batch * q.inputs;
            const real *h = q.keep ? q.seen + t % 2 * stride : q.h + t * stride;
            tiles(&q, row, panel, t, x, h, H, GROUPS, step);
            if (q.axis == UNITS) meet(&q, ++met);
        }
    }
}

#if CELL == 4
/* Fill in c(1) … c(T), for rows and panels. */
static void recall(const problem *q, range row, range panel) {
    const ptrdiff_t width = VECTORS * LANES;
    for (ptrdiff_t t = 0; t < q->steps; t++)
        for (ptrdiff_t r = row.begin; r < row.end; r++)
            for (ptrdiff_t unit = panel.begin * width; unit < panel.end * width; unit += LANES) {
                const spot s = at(q, t, r, unit);
                if (s.n <= 0) break;
                if (!q->mask || q->mask[t * q->batch + r])
                    cell_recall(q, s);
                else
                    store(q->c + s.next, load(q->c + s.now, s.n), s.n);
            }
}
#endif

void backward(const problem *all, ptrdiff_t part) {
    const ptrdiff_t columns = GATES * all->size, stride = all->batch * columns;
    const range models = along(all, MODELS, part, all->models);
    const range row = along(all, BATCH, part, all->batch);
    const range panel = along(all, UNITS, part, panels(all->size, VECTORS));
    ptrdiff_t met = 0;
    for (ptrdiff_t m = models.begin; m < models.end; m++) {
        const problem q = model(all, m);
#if CELL == 4
        recall(&q, row, panel);
#endif
        for (ptrdiff_t t = q.steps - 1; t >= -1; t--) {
            const real *dq = t + 1 < q.steps ? q.dq + (t + 1) * stride : 0;
            tiles(&q, row, panel, t, 0, dq, columns, VECTORS, step_back);
            if (q.axis == UNITS) meet(&q, ++met);
        }
    }
}

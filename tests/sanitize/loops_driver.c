/*
 * Runs the loops on random problems, in arrays that have exactly the size they need, and each
 * of them by several threads: for the sanitizers, which see what is read or written beyond an
 * array, what C does not define, and what two threads touch at once.
 *
 *     loops_driver SEED COUNT
 *
 * The numbers have to be the same bits, whatever the number of threads.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "loops.c"

static unsigned long long seed;

/* A number from 0 to n - 1. */
static ptrdiff_t below(ptrdiff_t n) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (ptrdiff_t)((seed >> 33) % (unsigned long long)n);
}

static void *made(ptrdiff_t bytes) {
    void *memory = malloc((size_t)bytes);
    if (!memory) abort();
    memset(memory, 0xFF, (size_t)bytes); /* NaN, where a number is read that nobody wrote */
    return memory;
}

static real *room(ptrdiff_t count) { return made(count * (ptrdiff_t)sizeof(real)); }

static real *drawn(ptrdiff_t count) {
    real *a = room(count);
    for (ptrdiff_t i = 0; i < count; i++) a[i] = (real)(below(2001) - 1000) / 2000;
    return a;
}

static void *copied(const void *a, ptrdiff_t bytes) {
    return a ? memcpy(made(bytes), a, (size_t)bytes) : 0;
}

/* What all threads of one piece of work need. */
typedef struct {
    void (*function)(const problem *, ptrdiff_t);
    const problem *q;
    const real *b, *W, *U;
    real *packed;
} work;

typedef struct {
    const work *work;
    ptrdiff_t part;
} share_of_it;

static void *run(void *given) {
    const share_of_it *mine = given;
    const work *w = mine->work;
    const problem *q = w->q;
    if (w->function)
        w->function(q, mine->part);
    else
        pack(q->weights_stride ? q->models : 1, w->b, w->W, w->U, w->b ? q->inputs : 0, q->size,
             w->packed, q->parts, mine->part);
    return 0;
}

/* Part 0 here, and the others by threads of their own. */
static void together(work w) {
    pthread_t threads[8];
    share_of_it shares[8];
    for (ptrdiff_t i = 0; i < w.q->parts; i++) {
        shares[i] = (share_of_it){&w, i};
        if (i && pthread_create(&threads[i], 0, run, &shares[i])) abort();
    }
    run(&shares[0]);
    for (ptrdiff_t i = 1; i < w.q->parts; i++) pthread_join(threads[i], 0);
}

typedef struct {
    real *a;
    ptrdiff_t count;
} result;

enum { RESULTS = 5 };

/* Forward and backward once, as compiled.py does it; what is left are h, dp, dq, dh and dc. */
static void both(problem q, const real *b, const real *W, const real *U, const real *h0,
                 const real *c0, const real *dh, const real *dc, result results[RESULTS]) {
    const ptrdiff_t M = q.models, T = q.steps, B = q.batch, H = q.size, rows = B * H;
    const ptrdiff_t copies = q.weights_stride ? M : 1, bytes = sizeof(real);
    const ptrdiff_t stride = panel_count(H, 0) * (1 + q.inputs + H) * panel_width();
    const ptrdiff_t back = panel_count(H, 1) * GATES * H * panel_width();
    const int many = q.weights_stride != 0;
    ptrdiff_t arrived[2] = {0, 0};
    real *packed = room(copies * stride);
    together((work){0, &q, b, W, U, packed});
    q.weights = packed;
    q.weights_stride = many ? stride : 0;
    q.h = room(M * (T + 1) * rows);
    q.c = CELL == 4 ? room(M * (T + 1) * rows) : 0;
    q.gates = CELL == 1 ? 0 : room(M * T * rows * GATES);
    q.u = CELL == 3 ? room(M * T * rows) : 0;
    q.seen = q.keep ? room(2 * M * rows) : 0;
    for (ptrdiff_t m = 0; m < M; m++)
        for (ptrdiff_t i = 0; i < rows; i++) {
            q.h[m * (T + 1) * rows + i] = h0[m * rows + i];
            if (q.c) q.c[m * (T + 1) * rows + i] = c0[m * rows + i];
            if (q.keep) q.seen[2 * m * rows + i] = q.keep[m * rows + i] * h0[m * rows + i];
        }
    q.arrived = arrived;
    together((work){forward, &q, 0, 0, 0, 0});
    free(packed);
    free(q.seen);
    q.seen = 0;

    packed = room(copies * back);
    q.weights_stride = many;
    together((work){0, &q, 0, 0, U, packed});
    q.weights = packed;
    q.weights_stride = many ? back : 0;
    arrived[0] = 0;
    q.dp = room(M * T * rows * GATES);
    q.dq = CELL == 3 ? room(M * T * rows * GATES) : q.dp;
    q.dh = copied(dh, M * rows * bytes);
    q.dc = CELL == 4 ? copied(dc, M * rows * bytes) : 0;
    if (q.c) { /* the first step alone; the others are recalled */
        free(q.c);
        q.c = room(M * (T + 1) * rows);
        for (ptrdiff_t m = 0; m < M; m++)
            for (ptrdiff_t i = 0; i < rows; i++) q.c[m * (T + 1) * rows + i] = c0[m * rows + i];
    }
    together((work){backward, &q, 0, 0, 0, 0});
    free(packed);
    free(q.c);
    free(q.gates);
    free(q.u);
    results[0] = (result){q.h, M * (T + 1) * rows};
    results[1] = (result){q.dp, M * T * rows * GATES};
    results[2] = (result){CELL == 3 ? q.dq : 0, M * T * rows * GATES};
    results[3] = (result){q.dh, M * rows};
    results[4] = (result){q.dc, M * rows};
}

static void one(ptrdiff_t number) {
    problem q = {0};
    q.models = 1 + below(3);
    q.steps = 1 + below(4);
    q.batch = 1 + below(14);
    q.inputs = 1 + below(4);
    q.size = 1 + below(number % 4 ? 40 : 140);
    q.activation = below(4);
    q.weights_stride = below(2); /* whether each model has weights of its own; see above */
    const ptrdiff_t M = q.models, rows = q.batch * q.size, columns = GATES * q.size;
    const ptrdiff_t copies = q.weights_stride ? M : 1;
    real *b = drawn(copies * columns), *W = drawn(copies * q.inputs * columns);
    real *U = drawn(copies * q.size * columns), *x = drawn(M * q.steps * q.batch * q.inputs);
    real *v = CELL == 3 ? drawn(M * q.size) : 0, *keep = below(2) ? drawn(M * rows) : 0;
    real *h0 = drawn(M * rows), *c0 = drawn(M * rows);
    real *dy = drawn(M * q.steps * rows), *dh = drawn(M * rows), *dc = drawn(M * rows);
    unsigned char *mask = below(2) ? made(q.steps * q.batch) : 0;
    for (ptrdiff_t i = 0; mask && i < q.steps * q.batch; i++) mask[i] = below(3) > 0;
    q.x = x, q.v = v, q.keep = keep, q.mask = mask, q.dy = dy;

    result first[RESULTS], other[RESULTS];
    q.parts = 1;
    both(q, b, W, U, h0, c0, dh, dc, first);
    for (q.axis = MODELS; q.axis <= UNITS; q.axis++) {
        q.parts = 2 + below(2);
        both(q, b, W, U, h0, c0, dh, dc, other);
        for (int k = 0; k < RESULTS; k++) {
            const size_t bytes = sizeof(real) * (size_t)first[k].count;
            if (first[k].a && memcmp(first[k].a, other[k].a, bytes)) {
                fprintf(stderr, "problem %td: result %d differs with %td threads\n", number, k,
                        q.parts);
                exit(1);
            }
            free(other[k].a);
        }
    }
    for (int k = 0; k < RESULTS; k++) free(first[k].a);
    void *all[] = {b, W, U, x, v, keep, h0, c0, dy, dh, dc, mask};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

int main(int count, char **words) {
    if (count != 3) return 2;
    seed = strtoull(words[1], 0, 10);
    const ptrdiff_t problems = strtoll(words[2], 0, 10);
    for (ptrdiff_t number = 0; number < problems; number++) one(number);
    puts("done");
    return 0;
}

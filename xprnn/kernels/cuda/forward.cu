// The loop forward: state(t) = cell(p(t), h(t-1) U, state(t-1)).
//
// Before it stands, made from the cell:
//
//     forward_step(p, q, state, kept)   one step of one unit

extern "C" __global__ void __launch_bounds__(THREADS, 1) forward(
    const real* __restrict__ weights,  // (models, G * H, H): U transposed
    const real* __restrict__ p,        // (models, T, B, G * H)
    const real* __restrict__ start,    // (STATES + OWN, models, B, H): state(0), own weights
    const bool* __restrict__ mask,     // (T, B), or null
    const real* __restrict__ keep,     // (models, B, H), or null: h is multiplied by it before U
    real* __restrict__ h,              // (models, T + 1, B, H): h(0), ..., h(T)
    real* __restrict__ kept,           // (models, T, B, KEPT * H)
    real* __restrict__ end,            // (STATES, models, B, H): state(T)
    u64* ring, int models, int steps, int batch, int size, int blocks)
{
    Thread me = this_thread(size, blocks);
    if (me.idle) return;
    Exchange exchange = exchange_of(me, ring, blocks);
    const long long one_state = (long long)models * batch * size;

    for (int number = me.group; number < models * tiles_of_a_model(batch); number += me.groups) {
        const Tile tile = tile_of(number, batch);
        const long long first_row = (long long)tile.model * batch + tile.row;
        real weight[PRODUCTS][LENGTH];
        read_weights(weight, weights + (long long)tile.model * SUMS * size * size, me, size);

        __syncthreads();  // nobody looks at the vector of the last tile any more
        for (int place = me.number; place < ROWS * VECTOR; place += THREADS) {
            const int row = place / VECTOR, unit = place % VECTOR;
            const long long at = (first_row + row) * size + unit;
            const bool live = row < tile.rows && unit < size;
            me.vector[place] = live ? (keep ? keep[at] * start[at] : start[at]) : real(0);
            me.next[place] = 0;
        }
        real state[PAIRS][STATES + OWN], factor[PAIRS];
#pragma unroll
        for (int k = 0; k < PAIRS; k++) {
            const Pair pair = pair_of(k, me, tile);
            if (!pair.live) continue;
            const long long at = (first_row + pair.row) * size + pair.unit;
#pragma unroll
            for (int s = 0; s < STATES + OWN; s++) state[k][s] = start[s * one_state + at];
            factor[k] = keep ? keep[at] : real(1);
            h[at + (long long)tile.model * steps * batch * size] = state[k][0];
        }
        __syncthreads();

        for (int t = 0; t < steps; t++) {
            // What the step needs is asked for now, and arrives while the lanes multiply.
            real p_t[PAIRS][GATES];
            bool valid[PAIRS];
            const long long row_t = ((long long)tile.model * steps + t) * batch + tile.row;
#pragma unroll
            for (int k = 0; k < PAIRS; k++) {
                const Pair pair = pair_of(k, me, tile);
                if (!pair.live) continue;
                const real* const numbers = p + (row_t + pair.row) * GATES * size + pair.unit;
#pragma unroll
                for (int g = 0; g < GATES; g++) p_t[k][g] = numbers[(long long)g * size];
                valid[k] = !mask || mask[(long long)t * batch + tile.row + pair.row];
            }

            multiply(weight, me);

            const bool last = t + 1 == steps;
#pragma unroll
            for (int k = 0; k < PAIRS; k++) {
                const Pair pair = pair_of(k, me, tile);
                if (!pair.live) continue;
                real after[STATES + OWN], kept_t[KEPT + 1];
#pragma unroll
                for (int s = 0; s < STATES + OWN; s++) after[s] = state[k][s];
                forward_step(p_t[k], me.sums + pair.number * SUMS, after, kept_t);
#pragma unroll
                for (int s = 0; s < STATES; s++) state[k][s] = valid[k] ? after[s] : state[k][s];
                if (!last) exchange.publish(factor[k] * state[k][0],
                                            pair.row * VECTOR + pair.unit, me);

                const long long row = row_t + pair.row;
                h[(row + (long long)(tile.model + 1) * batch) * size + pair.unit] = state[k][0];
#pragma unroll
                for (int i = 0; i < KEPT; i++)
                    kept[(row * KEPT + i) * size + pair.unit] = kept_t[i];
            }
            if (!last) exchange.gather(tile.rows, size, me);
        }

#pragma unroll
        for (int k = 0; k < PAIRS; k++) {
            const Pair pair = pair_of(k, me, tile);
            if (!pair.live) continue;
            const long long at = (first_row + pair.row) * size + pair.unit;
#pragma unroll
            for (int s = 0; s < STATES; s++) end[s * one_state + at] = state[k][s];
        }
    }
}

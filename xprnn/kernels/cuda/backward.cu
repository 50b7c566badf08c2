// The loop backward: dh(t) += dy(t), dp(t), dq(t), dstate(t-1) = the cell's, dh(t-1) += dq(t) U'.
//
// Before it stands, made from the cell:
//
//     backward_step(dstate, h_before, h_after, own, kept, dp, dq)   one step of one unit
//     SAME                                                          whether dq is dp

extern "C" __global__ void __launch_bounds__(THREADS, 1) backward(
    const real* __restrict__ weights,  // (models, H, G * H): U
    const real* __restrict__ dy,       // (models, T, B, H)
    const real* __restrict__ given,    // (STATES + OWN, models, B, H): dL/dstate(T) from outside
    const real* __restrict__ start,    // (STATES + OWN, models, B, H), as for forward
    const bool* __restrict__ mask,     // (T, B), or null
    const real* __restrict__ keep,     // (models, B, H), or null
    const real* __restrict__ h,        // (models, T + 1, B, H)
    const real* __restrict__ kept,     // (models, T, B, KEPT * H)
    real* __restrict__ dp,             // (models, T, B, G * H)
    real* __restrict__ dq,             // the same, or null if it is dp
    real* __restrict__ dstart,         // (STATES + OWN, models, B, H): dL/dstate(0)
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
        read_weights(weight, weights + (long long)tile.model * INPUTS * size * size, me, size);

        __syncthreads();  // nobody looks at the vector of the last tile any more
        for (int place = me.number; place < 2 * ROWS * VECTOR; place += THREADS)
            shared_memory()[place] = 0;
        real dstate[PAIRS][STATES + OWN], own[PAIRS][OWN + 1], factor[PAIRS];
        bool valid[PAIRS];
#pragma unroll
        for (int k = 0; k < PAIRS; k++) {
            const Pair pair = pair_of(k, me, tile);
            if (!pair.live) continue;
            const long long at = (first_row + pair.row) * size + pair.unit;
#pragma unroll
            for (int s = 0; s < STATES + OWN; s++) dstate[k][s] = given[s * one_state + at];
#pragma unroll
            for (int i = 0; i < OWN; i++) own[k][i] = start[(STATES + i) * one_state + at];
            factor[k] = keep ? keep[at] : real(1);
            valid[k] = false;  // no step after the last one has a share in dh
        }
        __syncthreads();

        for (int t = steps - 1; t >= -1; t--) {
            // What the step needs is asked for now, and arrives while the lanes multiply.
            real dy_t[PAIRS], h_before[PAIRS], h_after[PAIRS], kept_t[PAIRS][KEPT + 1];
            bool valid_t[PAIRS];
            const long long row_t = ((long long)tile.model * steps + t) * batch + tile.row;
#pragma unroll
            for (int k = 0; k < PAIRS; k++) {
                const Pair pair = pair_of(k, me, tile);
                if (!pair.live || t < 0) continue;
                const long long row = row_t + pair.row;
                const long long before = row + (long long)tile.model * batch;
                dy_t[k] = dy[row * size + pair.unit];
                h_before[k] = h[before * size + pair.unit];
                h_after[k] = h[(before + batch) * size + pair.unit];
#pragma unroll
                for (int i = 0; i < KEPT; i++)
                    kept_t[k][i] = kept[(row * KEPT + i) * size + pair.unit];
                valid_t[k] = !mask || mask[(long long)t * batch + tile.row + pair.row];
            }

            if (t + 1 < steps) multiply(weight, me);
#pragma unroll
            for (int k = 0; k < PAIRS; k++) {
                const Pair pair = pair_of(k, me, tile);
                if (pair.live && valid[k]) dstate[k][0] += factor[k] * me.sums[pair.number];
            }
            if (t < 0) break;

#pragma unroll
            for (int k = 0; k < PAIRS; k++) {
                const Pair pair = pair_of(k, me, tile);
                if (!pair.live) continue;
                dstate[k][0] += dy_t[k];
                valid[k] = valid_t[k];
                real inside[STATES + OWN], dp_t[GATES], dq_t[GATES];
#pragma unroll
                for (int s = 0; s < STATES + OWN; s++)
                    inside[s] = valid[k] ? dstate[k][s] : real(0);
                backward_step(inside, h_before[k], h_after[k], own[k], kept_t[k], dp_t, dq_t);
#pragma unroll
                for (int g = 0; g < GATES; g++) {
                    dp_t[g] = valid[k] ? dp_t[g] : real(0);  // 0 times infinity would be NaN
                    dq_t[g] = valid[k] ? dq_t[g] : real(0);
                }
#pragma unroll
                for (int g = 0; g < GATES; g++)
                    exchange.publish(dq_t[g], pair.row * VECTOR + g * size + pair.unit, me);

                const long long at = (row_t + pair.row) * GATES * size + pair.unit;
#pragma unroll
                for (int g = 0; g < GATES; g++) dp[at + (long long)g * size] = dp_t[g];
#pragma unroll
                for (int g = 0; g < GATES; g++)
                    if (!SAME) dq[at + (long long)g * size] = dq_t[g];
#pragma unroll
                for (int s = 0; s < STATES + OWN; s++)
                    dstate[k][s] = valid[k] ? inside[s] : dstate[k][s];
            }
            exchange.gather(tile.rows, GATES * size, me);
        }

#pragma unroll
        for (int k = 0; k < PAIRS; k++) {
            const Pair pair = pair_of(k, me, tile);
            if (!pair.live) continue;
            const long long at = (first_row + pair.row) * size + pair.unit;
#pragma unroll
            for (int s = 0; s < STATES + OWN; s++) dstart[s * one_state + at] = dstate[k][s];
        }
    }
}

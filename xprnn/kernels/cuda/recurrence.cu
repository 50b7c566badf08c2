// The loop over time of a recurrent network as one launch: what its directions share.
//
// At every step each unit of a layer needs a number, or several, of all the others:
//
//     forward    q(t)  = h(t-1) U       a unit gives 1 number, h, and needs G sums, q
//     backward   dh(t) = dq(t+1) U'     a unit gives G numbers, dq, and needs 1 sum, dh
//
// and then does the step of its cell, which is its own affair. In the words of both:
//
//     vector     INPUTS * H numbers for a row of the batch, what all units gave
//     weights    SUMS rows of that length for each unit
//
// Who does what
//
//     tile       up to ROWS rows of the batch of one model; tiles never meet
//     group      `blocks` thread blocks that do one tile after the other
//     block      owns H / blocks units, with all their sums, for all of time
//     warp       owns UNITS of them; their weights stay in the registers of its lanes:
//                a lane has LENGTH columns of the UNITS * SUMS rows
//     lane       does the step of the cell for pairs of a row and a unit, and keeps
//                their state
//
// A step
//
//     1. each lane multiplies its columns of the vector, which is in shared memory,
//        and the sums over the lanes of a warp are made by butterflies;
//     2. each lane does the steps of its pairs, and publishes what they give;
//     3. the block gathers the next vector, and waits for its own threads.
//
// The exchange between the blocks of a group is a ring of two slots in global memory.
// Every 32 bits of a number are written together with a tag, the count of the steps so
// far, as one 64-bit word; who needs the number reads the word until the tag is right.
// So there is no barrier between blocks, no flag and no fence: a word that has arrived
// says so itself. Two slots are enough: a block publishes step n + 2 after it has
// gathered n + 1, which every block published after it had gathered n. The ring is zero
// before a launch, and tags begin at 1. All blocks must be on the device at once; a wait
// that never ends is an error. A block without units publishes nothing, so nobody would
// wait for it: it leaves at once.
//
// Before this file stand, written by source.py:
//
//     real                       float or double
//     THREADS, ROWS, UNITS       of a block, of a tile, of a warp
//     SUMS, INPUTS, LENGTH       as above
//     PATIENCE                   how often a word is read in vain before the launch fails
//     GATES, STATES, OWN, KEPT   of the cell: numbers of p, of its state, weights of its own,
//                                and numbers that it keeps of a step for the way back

constexpr int WARP = 32;
constexpr int VECTOR = WARP * LENGTH;                  // of a row, with zeros at its end
constexpr int PRODUCTS = UNITS * SUMS;                 // of a warp, for a row
constexpr int PAIRS = (ROWS * UNITS + WARP - 1) / WARP; // of a lane
constexpr int WORDS = sizeof(real) / sizeof(u32);      // of a number in the ring
constexpr int POLLED = 4;                              // numbers that a thread waits for at a time

// Where a thread is, and the units of its warp: first, ..., last - 1.
struct Thread {
    int number, lane, group, groups, first, last;
    bool idle;  // whether its block has no units
    real *vector, *next, *sums;  // in shared memory: of this step, of the next, and of its warp
};

__device__ inline Thread this_thread(int size, int blocks)
{
    const int number = threadIdx.x, warp = number / WARP;
    const int share = (size + blocks - 1) / blocks, begin = blockIdx.x % blocks * share;
    const int end = begin + share < size ? begin + share : size;
    const int first = begin + warp * UNITS, last = first + UNITS < end ? first + UNITS : end;
    real* const vector = shared_memory();
    real* const sums = vector + 2 * ROWS * VECTOR + warp * ROWS * PRODUCTS;
    return {number, number % WARP, int(blockIdx.x) / blocks, int(gridDim.x) / blocks, first, last,
            begin >= size, vector, vector + ROWS * VECTOR, sums};
}

// Rows row, ..., row + rows - 1 of a model.
struct Tile {
    int model, row, rows;
};

__device__ inline int tiles_of_a_model(int batch)
{
    return (batch + ROWS - 1) / ROWS;
}

__device__ inline Tile tile_of(int number, int batch)
{
    const int row = number % tiles_of_a_model(batch) * ROWS;
    return {number / tiles_of_a_model(batch), row, batch - row < ROWS ? batch - row : ROWS};
}

// The k-th row and unit of a lane; not live where there is none.
struct Pair {
    int number, row, unit;
    bool live;
};

__device__ inline Pair pair_of(int k, const Thread& me, const Tile& tile)
{
    const int number = me.lane + WARP * k, row = number / UNITS;
    const int unit = me.first + number % UNITS;
    return {number, row, unit, row < tile.rows && unit < me.last};
}

// Reads the weights of a warp from SUMS * size rows of INPUTS * size numbers: row k of the warp
// is sum k % SUMS of its unit k / SUMS.
__device__ inline void read_weights(real (&weight)[PRODUCTS][LENGTH], const real* weights,
                                    const Thread& me, int size)
{
    const int columns = INPUTS * size;
#pragma unroll
    for (int k = 0; k < PRODUCTS; k++) {
#pragma unroll
        for (int i = 0; i < LENGTH; i++) weight[k][i] = 0;
        const int unit = me.first + k / SUMS;
        if (unit >= me.last) continue;
        const real* const row = weights + (long long)(k % SUMS * size + unit) * columns + me.lane;
#pragma unroll
        for (int i = 0; i < LENGTH; i++) {
            const bool inside = i + 1 < LENGTH || me.lane + WARP * i < columns;
            if (inside) weight[k][i] = row[WARP * i];
        }
    }
}

__device__ constexpr int power_of_two_from(int least)
{
    int power = 1;
    while (power < least) power *= 2;
    return power;
}

constexpr int TOTALS = ROWS * PRODUCTS;  // of a warp
constexpr int HELD = TOTALS < WARP ? power_of_two_from(TOTALS) : WARP;  // summed at a time
constexpr int PARTIAL = (TOTALS + HELD - 1) / HELD * HELD;

// Writes the sums over all lanes. In a butterfly a lane gives away one half of the sums it
// holds and adds what it gets to the other, until it holds one; that one is then complete.
__device__ inline void sum_over_lanes(real (&sum)[PARTIAL], const Thread& me)
{
    constexpr int SAME = WARP / HELD;  // lanes that end up with the same sum
#pragma unroll
    for (int first = 0; first < PARTIAL; first += HELD) {
        int held = HELD;
#pragma unroll
        for (int bit = WARP / 2; bit > 0; bit /= 2) {
            if (held == 1) {
                sum[first] += from_partner(sum[first], bit);
                continue;
            }
            held /= 2;
            const bool upper = me.lane & bit;
#pragma unroll
            for (int k = first; k < first + HELD / 2; k++) {
                if (k >= first + held) continue;
                const real given = upper ? sum[k] : sum[k + held];
                sum[k] = (upper ? sum[k + held] : sum[k]) + from_partner(given, bit);
            }
        }
        const int which = first + me.lane / SAME;
        if (me.lane % SAME == 0 && which < TOTALS) me.sums[which] = sum[first];
    }
}

// Multiplies the vector of every row by the weights: sum s of pair n is then me.sums[n * SUMS + s].
__device__ inline void multiply(const real (&weight)[PRODUCTS][LENGTH], const Thread& me)
{
    real sum[PARTIAL] = {};
#pragma unroll
    for (int i = 0; i < LENGTH; i++) {
#pragma unroll
        for (int row = 0; row < ROWS; row++) {
            const real value = me.vector[row * VECTOR + me.lane + WARP * i];
#pragma unroll
            for (int k = 0; k < PRODUCTS; k++) sum[row * PRODUCTS + k] += weight[k][i] * value;
        }
    }
    sum_over_lanes(sum, me);
    __syncwarp();
}

union Bits {
    real number;
    u32 word[WORDS];
};

// The exchange of a group, whose blocks call its functions in the same order.
struct Exchange {
    u64* ring;
    int blocks;
    u32 tag;  // of the step

    __device__ u64* word(int place, int k) const
    {
        const int slot = tag % 2;
        return ring + ((long long)slot * ROWS * VECTOR + place) * WORDS + k;
    }

    // Gives the group a number of the next vector.
    __device__ void publish(real number, int place, const Thread& me) const
    {
        if (blocks == 1) {
            me.next[place] = number;
            return;
        }
        Bits bits;
        bits.number = number;
#pragma unroll
        for (int k = 0; k < WORDS; k++) store(word(place, k), (u64)tag << 32 | bits.word[k]);
    }

    // Waits until the next vector is there, and makes it this step's.
    __device__ void gather(int rows, int length, Thread& me)
    {
        if (blocks > 1) {
            for (int place = me.number; place < rows * VECTOR; place += POLLED * THREADS)
                wait_for(place, rows, length, me);
        }
        __syncthreads();
        real* const old = me.vector;
        me.vector = me.next;
        me.next = old;
        tag++;
    }

    // Waits for POLLED numbers, which are read all at once.
    __device__ void wait_for(int first, int rows, int length, const Thread& me) const
    {
        Bits bits[POLLED];
        bool arrived = false;
        for (u32 reads = 0; !arrived; reads++) {
            if (reads == PATIENCE) fail();
            arrived = true;
#pragma unroll
            for (int k = 0; k < POLLED * WORDS; k++) {
                const int place = first + k / WORDS * THREADS;
                if (place >= rows * VECTOR || place % VECTOR >= length) continue;
                const u64 found = load(word(place, k % WORDS));
                bits[k / WORDS].word[k % WORDS] = (u32)found;
                arrived = arrived && (u32)(found >> 32) == tag;
            }
        }
#pragma unroll
        for (int k = 0; k < POLLED; k++) {
            const int place = first + k * THREADS;
            if (place < rows * VECTOR && place % VECTOR < length) me.next[place] = bits[k].number;
        }
    }
};

__device__ inline Exchange exchange_of(const Thread& me, u64* ring, int blocks)
{
    return {ring + (long long)me.group * 2 * ROWS * VECTOR * WORDS, blocks, 1};
}

// As in the array API: what is no number stays so.
__device__ inline real maximum(real a, real b)
{
    return a > b || a != a ? a : b;
}

__device__ inline real minimum(real a, real b)
{
    return a < b || a != a ? a : b;
}

__device__ inline real logaddexp(real a, real b)
{
    const real apart = a == b ? real(0) : abs(a - b);
    return maximum(a, b) + log1p(exp(-apart));
}

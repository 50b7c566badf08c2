/* Vectors of numbers as wide as the processor's, and the functions of cells on them. */

#include <stddef.h>
#include <string.h>

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64, REGISTERS = 32 };
#elif defined(__AVX__)
enum { VECTOR_BYTES = 32, REGISTERS = 16 };
#elif defined(__aarch64__)
enum { VECTOR_BYTES = 16, REGISTERS = 32 };
#else
enum { VECTOR_BYTES = 16, REGISTERS = 16 };
#endif

#if REAL == 64
typedef double real;
typedef long long whole;
#elif REAL == 32
typedef float real;
typedef int whole;
#else
#error "REAL must be 32 or 64"
#endif

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef whole bits __attribute__((vector_size(VECTOR_BYTES)));
typedef real loose __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real))));

enum { LANES = VECTOR_BYTES / sizeof(real) };

/* The first LANES of n numbers; where there are fewer, zeros follow. */
static inline vec load(const real *a, ptrdiff_t n) {
    vec x = {0};
    if (n >= LANES)
        memcpy(&x, a, sizeof x);
    else
        memcpy(&x, a, n * sizeof(real));
    return x;
}

static inline void store(real *a, vec x, ptrdiff_t n) {
    if (n >= LANES)
        memcpy(a, &x, sizeof x);
    else
        memcpy(a, &x, n * sizeof(real));
}

static inline vec all(real x) { return x - (vec){0}; }

static inline vec choose(bits yes, vec a, vec b) {
    return (vec)((yes & (bits)a) | (~yes & (bits)b));
}

/* exp(x) = scale (1 + rest) with scale = 2ⁿ and x = n log 2 + r, |r| < 0.35:
   rest = r + r²/2! + r³/3! + … to the last bit. */
typedef struct {
    vec scale, rest;
} power;

static inline power exponential(vec x) {
#if REAL == 64
    enum { TERMS = 13, MANTISSA = 52, BIAS = 1023 };
    const real to_whole = 0x1.8p52;
    const real log2_high = 0x1.62e42fefa38p-1, log2_low = 0x1.ef35793c7673p-45;
#else
    enum { TERMS = 7, MANTISSA = 23, BIAS = 127 };
    const real to_whole = 0x1.8p23f;
    const real log2_high = 0x1.62ep-1f, log2_low = 0x1.0bfbe8p-15f;
#endif
    static const real inverse_factorial[] = {
        1.,           1.,            1. / 2,         1. / 6,          1. / 24,
        1. / 120,     1. / 720,      1. / 5040,      1. / 40320,      1. / 362880,
        1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800,
    };
    vec shifted = x * (real)0x1.71547652b82fep0 + to_whole; /* the last bits are n */
    vec n = shifted - to_whole;
    vec r = x - n * log2_high - n * log2_low;
    vec sum = all(inverse_factorial[TERMS]);
#pragma GCC unroll 16
    for (int k = TERMS - 1; k > 0; k--) sum = sum * r + inverse_factorial[k];
    return (power){(vec)(((bits)shifted + BIAS) << MANTISSA), sum * r};
}

/* (1 - exp(-2|x|)) / (1 + exp(-2|x|)) with the sign of x, of a zero too; the numerator keeps its
   digits near 0. From |x| = 20 on it is 1; NaN stays NaN. */
static inline vec hyperbolic_tangent(vec x) {
    const bits sign = (bits)all(-(real)0);
    vec a = (vec)((bits)x & ~sign);
    power e = exponential(-2 * choose(a > all(20), all(20), a));
    vec less_one = e.scale * e.rest + (e.scale - 1);
    return (vec)((bits)(less_one / (less_one + 2)) & ~sign | ((bits)x & sign));
}

static inline vec sigmoid(vec x) { return (real)0.5 + (real)0.5 * hyperbolic_tangent((real)0.5 * x); }

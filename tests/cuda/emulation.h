// What hardware.cu takes from a GPU, for a CPU; emulation.cc runs the CUDA threads.

#define __device__
#define __global__
#define __launch_bounds__(threads, blocks)

typedef unsigned int u32;
typedef unsigned long long u64;

#include "emulation_thread.h"

#define threadIdx (cuda_thread()->thread)
#define blockIdx (cuda_thread()->block)
#define gridDim (cuda_thread()->blocks)

static inline void __syncthreads() { wait_for_block(); }
static inline void __syncwarp() { wait_for_warp(); }
static inline real* shared_memory() { return static_cast<real*>(cuda_thread()->shared); }

static inline real from_partner(real value, int bit)
{
    const int lane = threadIdx.x % 32;
    real* const given = static_cast<real*>(cuda_thread()->given);
    given[lane] = value;
    wait_for_warp();
    const real found = given[lane ^ bit];
    wait_for_warp();
    return found;
}

static inline void store(u64* place, u64 word) { __atomic_store_n(place, word, __ATOMIC_RELAXED); }

static inline u64 load(const u64* place)
{
    let_others_run();
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

static inline void fail() { end_with("a word of the ring never came"); }

#define FUNCTION(name)                                                              \
    static inline float name(float z) { return __builtin_##name##f(z); }            \
    static inline double name(double z) { return __builtin_##name(z); }
FUNCTION(cos) FUNCTION(exp) FUNCTION(expm1) FUNCTION(log) FUNCTION(log1p) FUNCTION(sin)
FUNCTION(sqrt) FUNCTION(tanh)
static inline real abs(real z) { return z < 0 ? -z : z; }
static inline real pow(real a, real b) { return static_cast<real>(__builtin_pow(a, b)); }

// Calls a kernel with arguments that are given by their addresses, as CUDA's driver does.
template <int... I>
struct Places {};

template <class... A, int... I>
static void call(void (*kernel)(A...), void** arguments, Places<I...>)
{
    kernel(*static_cast<A*>(arguments[I])...);
}

template <class... A>
static void call(void (*kernel)(A...), void** arguments)
{
    call(kernel, arguments, Places<__integer_pack(int(sizeof...(A)))...>());
}

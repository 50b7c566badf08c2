// What the recurrence takes from the GPU itself. tests/cuda/emulation.h has the same for
// threads of a CPU, so that recurrence.cu, forward.cu and backward.cu run there as they are.

typedef unsigned int u32;
typedef unsigned long long u64;

// The memory of a block, as much as was asked for at the launch.
__device__ inline real* shared_memory()
{
    extern __shared__ double shared[];
    return reinterpret_cast<real*>(shared);
}

// The value of the lane whose number differs in one bit.
__device__ inline real from_partner(real value, int bit)
{
    return __shfl_xor_sync(0xffffffffu, value, bit);
}

// All 64 bits are written at once, and read at once, by whichever block of the device.
__device__ inline void store(u64* place, u64 word)
{
    asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(place), "l"(word) : "memory");
}

__device__ inline u64 load(const u64* place)
{
    u64 word;
    asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(word) : "l"(place) : "memory");
    return word;
}

// Ends the launch with an error.
__device__ inline void fail()
{
    asm volatile("trap;");
}

// Runs the threads of a CUDA launch on a CPU.
//
// With FIBERS each is a context that goes on until it waits, in an order that a seed shuffles,
// while one block after the other is held back: quick, and the same every time. Without, each
// is a thread of the system, for the sanitizers: barriers alone order what the threads of a
// block do, and nothing orders the words of the ring.

#include "emulation_thread.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

void end_with(const char* message)
{
    std::fprintf(stderr, "%s\n", message);
    std::_Exit(3);
}

#ifdef FIBERS
#include <algorithm>
#include <csetjmp>
#include <random>
#include <ucontext.h>
#else
#include <thread>
#endif

// Not std::barrier: all of those share what they wait with, and so would order more.
struct Barrier {
    int expected;
    std::atomic<int> arrived{0}, turn{0};
    explicit Barrier(int count) : expected(count) {}
    void wait()
    {
        const int before = turn.load(std::memory_order_relaxed);
        if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == expected) {
            arrived.store(0, std::memory_order_relaxed);
            turn.store(before + 1, std::memory_order_release);
        }
        while (turn.load(std::memory_order_acquire) == before) let_others_run();
    }
};

struct Warp {
    Barrier barrier{32};
    double given[32];
};

struct Block {
    Barrier barrier;
    std::vector<std::unique_ptr<Warp>> warps;
    std::unique_ptr<double[]> shared;
    Block(int threads, int bytes) : barrier(threads), shared(new double[(bytes + 7) / 8])
    {
        for (int k = 0; k < threads / 32; k++) warps.emplace_back(new Warp);
        std::memset(shared.get(), 0xff, bytes);  // NaN
    }
};

struct Running : CudaThread {
    Block* own;
    Warp* warp;
#ifdef FIBERS
    ucontext_t start;
    jmp_buf place;
    std::unique_ptr<char[]> stack;
    bool begun = false, ended = false;
#endif
};

#ifdef FIBERS
static Running* current;
#else
static thread_local Running* current;
#endif

CudaThread* cuda_thread() { return current; }
void wait_for_block() { current->own->barrier.wait(); }
void wait_for_warp() { current->warp->barrier.wait(); }

#ifdef FIBERS

// A context begins a fiber; from then on it is left and entered by jumps, since a change of
// context is two calls of the system.
static jmp_buf scheduler;
static void (*running_kernel)(void**);
static void** running_arguments;

void let_others_run()
{
    if (!_setjmp(current->place)) _longjmp(scheduler, 1);
}

static void fiber()
{
    running_kernel(running_arguments);
    current->ended = true;
    _longjmp(scheduler, 1);
}

static void go_on(Running* one)
{
    current = one;
    if (_setjmp(scheduler)) return;
    if (one->begun) _longjmp(one->place, 1);
    one->begun = true;
    setcontext(&one->start);
}

static void run(std::vector<Running>& threads, void (*kernel)(void**), void** arguments)
{
    static std::mt19937 order(1);
    std::vector<Running*> left;
    running_kernel = kernel;
    running_arguments = arguments;
    for (Running& one : threads) {
        constexpr int STACK = 1 << 17;
        one.stack.reset(new char[STACK]);
        getcontext(&one.start);
        one.start.uc_stack.ss_sp = one.stack.get();
        one.start.uc_stack.ss_size = STACK;
        one.start.uc_link = nullptr;
        makecontext(&one.start, fiber, 0);
        left.push_back(&one);
    }
    std::shuffle(left.begin(), left.end(), order);
    const int blocks = threads[0].blocks.x;
    int held_back = 0;
    for (unsigned rounds = 0; !left.empty(); rounds++) {
        if (rounds % 64 == 0) held_back = order() % (blocks + 1);
        for (Running* one : left) {
            if (one->block.x == held_back) continue;
            go_on(one);
        }
        left.erase(std::remove_if(left.begin(), left.end(), [](auto* one) { return one->ended; }),
                   left.end());
    }
}

#else

void let_others_run() { std::this_thread::yield(); }

static void run(std::vector<Running>& threads, void (*kernel)(void**), void** arguments)
{
    std::vector<std::thread> system;
    for (Running& one : threads)
        system.emplace_back([&one, kernel, arguments] {
            current = &one;
            kernel(arguments);
        });
    for (std::thread& one : system) one.join();
}

#endif

void run_all(void (*kernel)(void**), int blocks, int threads, int shared, void** arguments)
{
    std::vector<std::unique_ptr<Block>> grid;
    std::vector<Running> all(blocks * threads);
    for (int block = 0; block < blocks; block++) {
        grid.emplace_back(new Block(threads, shared));
        for (int thread = 0; thread < threads; thread++) {
            Running& one = all[block * threads + thread];
            one.thread.x = thread;
            one.block.x = block;
            one.blocks.x = blocks;
            one.own = grid.back().get();
            one.warp = one.own->warps[thread / 32].get();
            one.shared = one.own->shared.get();
            one.given = one.warp->given;
        }
    }
    run(all, kernel, arguments);
}

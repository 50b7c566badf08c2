// A CUDA thread, for the code of a kernel and for what runs it.

struct Index {
    int x;
};

struct CudaThread {
    Index thread, block, blocks;
    void *shared, *given;  // of its block; what the lanes of its warp give to one another
};

extern "C" {
CudaThread* cuda_thread();
void wait_for_block();
void wait_for_warp();
void let_others_run();
[[noreturn]] void end_with(const char* message);
void run_all(void (*kernel)(void**), int blocks, int threads, int shared, void** arguments);
}

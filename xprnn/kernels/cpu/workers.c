/*
 * How threads that wait for work hear of it within a microsecond.
 *
 * To wake a sleeping thread takes tens of microseconds, longer than many a step of
 * training. A worker therefore looks for work for a while before it sleeps.
 */

#include <time.h>
#ifndef _WIN32
#include <sched.h>
#endif

typedef struct {
    long long posted;  /* pieces of work so far */
    long long done;    /* and how many the worker has done */
    long long asleep;  /* whether it has stopped looking */
    long long apart[5]; /* a cache line between two workers' */
} board;

static double now(void) {
    struct timespec t;
#ifdef CLOCK_MONOTONIC
    clock_gettime(CLOCK_MONOTONIC, &t);
#else
    timespec_get(&t, TIME_UTC);
#endif
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void turn(int turns) {
#ifndef _WIN32
    if (turns > 1000) sched_yield();
#endif
}

/* For the worker: look for work for some seconds; 1 if there is some, 0 if it may sleep. */
int look(board *b, double seconds) {
    const double start = now();
    __atomic_store_n(&b->asleep, 0, __ATOMIC_SEQ_CST);
    for (int turns = 0;; turns++) {
        if (__atomic_load_n(&b->posted, __ATOMIC_SEQ_CST) > b->done) return 1;
        if (turns % 64 == 63 && now() - start > seconds) break;
        turn(turns);
    }
    __atomic_store_n(&b->asleep, 1, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&b->posted, __ATOMIC_SEQ_CST) > b->done;
}

void finish(board *b) { __atomic_fetch_add(&b->done, 1, __ATOMIC_SEQ_CST); }

/* For who has work: post it; 1 if the worker sleeps and must be woken. */
int post(board *b) {
    __atomic_fetch_add(&b->posted, 1, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&b->asleep, __ATOMIC_SEQ_CST) != 0;
}

/* Wait until the worker has done all that was posted, but not longer than some seconds: 1 if
   it has, 0 if not, and -1 if it sleeps and must be woken for it. */
int wait(const board *b, double seconds) {
    const double start = now();
    for (int turns = 0; __atomic_load_n(&b->done, __ATOMIC_SEQ_CST) < b->posted; turns++) {
        if (__atomic_load_n(&b->asleep, __ATOMIC_SEQ_CST)) return -1;
        if (turns % 64 == 63 && now() - start > seconds) return 0;
        turn(turns);
    }
    return 1;
}

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
    long long ended;   /* whether it is to end, whatever was posted */
    long long apart[4]; /* a cache line between two workers' */
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

/* 1 if there is work, 0 if there is none, and -1 if the worker is to end. */
static int found(const board *b) {
    if (__atomic_load_n(&b->ended, __ATOMIC_SEQ_CST)) return -1;
    return __atomic_load_n(&b->posted, __ATOMIC_SEQ_CST) > b->done;
}

/* For the worker: look for work for some seconds; as `found`, and with 0 it may sleep. */
int look(board *b, double seconds) {
    const double start = now();
    __atomic_store_n(&b->asleep, 0, __ATOMIC_SEQ_CST);
    for (int turns = 0, state;; turns++) {
        if ((state = found(b))) return state;
        if (turns % 64 == 63 && now() - start > seconds) break;
        turn(turns);
    }
    __atomic_store_n(&b->asleep, 1, __ATOMIC_SEQ_CST);
    return found(b);
}

void finish(board *b) { __atomic_fetch_add(&b->done, 1, __ATOMIC_SEQ_CST); }

/* For who has work: post it; 1 if the worker sleeps and must be woken. */
int post(board *b) {
    __atomic_fetch_add(&b->posted, 1, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&b->asleep, __ATOMIC_SEQ_CST) != 0;
}

/* For who has no more work: tell all workers to end. */
void end(board *first, int count) {
    for (int i = 0; i < count; i++) __atomic_store_n(&first[i].ended, 1, __ATOMIC_SEQ_CST);
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

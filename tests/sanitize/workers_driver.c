/*
 * Shares work out among threads as workers.py does, for ThreadSanitizer: what one thread
 * writes before it posts, and what another writes before it is done, is read without a lock.
 *
 *     workers_driver SEED COUNT
 */

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#define wait wait_for /* stdlib.h may have one */
#include "workers.c"

enum { WORKERS = 3 };

typedef struct {
    board board;
    sem_t sleep;
    long given, made, end; /* plain numbers, as arrays are */
} worker;

static worker workers[WORKERS];

static void *serve(void *mine) {
    worker *w = mine;
    for (;;) {
        while (look(&w->board, 2e-5) <= 0) sem_wait(&w->sleep);
        const long end = w->end;
        w->made = 2 * w->given;
        finish(&w->board);
        if (end) return 0;
    }
}

static void share(long value, long end) {
    for (int i = 0; i < WORKERS; i++) {
        workers[i].given = value + i, workers[i].end = end;
        if (post(&workers[i].board)) sem_post(&workers[i].sleep);
    }
    for (int i = 0; i < WORKERS; i++) {
        for (int state; (state = wait_for(&workers[i].board, 0.1)) != 1;)
            if (state < 0) sem_post(&workers[i].sleep);
        if (workers[i].made != 2 * (value + i)) {
            fprintf(stderr, "worker %d made %ld of %ld\n", i, workers[i].made, value + i);
            exit(1);
        }
    }
}

int main(int count, char **words) {
    pthread_t threads[WORKERS];
    if (count != 3) return 2;
    const long first = strtol(words[1], 0, 10), times = 200 * strtol(words[2], 0, 10);
    for (int i = 0; i < WORKERS; i++) {
        sem_init(&workers[i].sleep, 0, 0);
        if (pthread_create(&threads[i], 0, serve, &workers[i])) abort();
    }
    for (long k = 0; k < times; k++) {
        share(first + k, 0);
        if (k % 50 == 0) { /* long enough for all to fall asleep */
            const struct timespec pause = {0, 2000000};
            nanosleep(&pause, 0);
        }
    }
    share(0, 1);
    for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], 0);
    puts("done");
    return 0;
}

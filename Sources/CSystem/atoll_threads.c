#include "atoll_threads.h"
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct start { void (*body)(void *); void *context; };

static void *trampoline(void *raw) {
  struct start start = *(struct start *)raw;
  free(raw);
  start.body(start.context);
  return 0;
}
int atoll_thread_start(void (*body)(void *), void *context, unsigned long stack_size) {
  struct start *start = malloc(sizeof *start);
  if (!start) return -12;
  *start = (struct start){body, context};
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, old;
  // As many as glibc makes without asking how many CPUs there are. For the next it looks under /sys (openat; seen in 2.43),
  // which would end a process in the sandbox as soon as its ninth thread allocates.
  mallopt(M_ARENA_MAX, 8);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_size);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int error = pthread_create(&thread, &attributes, trampoline, start);
  pthread_sigmask(SIG_SETMASK, &old, 0);
  pthread_attr_destroy(&attributes);
  if (error) free(start);
  return -error;
}
int atoll_cpu_count(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) < 0 ? 1 : CPU_COUNT(&set);
}
int atoll_thread_id(void) { return (int)syscall(SYS_gettid); }

// Threads and the spin hint.
#pragma once
// Starts a detached thread with all signals blocked. 0 or -errno.
int atoll_thread_start(void (*body)(void *), void *context, unsigned long stack_size);
static inline void atoll_spin_hint(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("" ::: "memory");
#endif
}
int atoll_cpu_count(void);
int atoll_thread_id(void);

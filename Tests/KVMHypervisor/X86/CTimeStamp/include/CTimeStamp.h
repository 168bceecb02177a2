// The CPU's time stamp counter, which guest and host share; 0 where there is none.
#pragma once
static inline unsigned long atoll_time_stamp(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return 0;
#endif
}

// Copies ranges of memory after every instruction that stores to one of them: each copy is what would be left if the process
// had been killed there. For one thread at a time; x86_64 only, because it uses the trap flag.
#pragma once
// 1 if this machine can.
int stores_supported(void);
// From now on. `count` ≤ 4 ranges that start and end with a page; `bytes` of each are copied, one after the other, to `out`,
// which has room for `capacity` copies. Failure is -errno.
int stores_begin(
    void *const *bases, const unsigned long *bytes, int count, unsigned char *out, unsigned long capacity);
// No more. Returns how many stores there were; those beyond the capacity were not copied.
unsigned long stores_end(void);

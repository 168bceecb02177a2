// Shared memory and mappings. Failure is -errno.
#pragma once
// A memfd of `size` bytes. `sealed` forbids growing and shrinking it from then on.
int atoll_memfd(const char *name, unsigned long size, int sealed);
int atoll_memfd_seal_size(int fd);
// Whether a descriptor is a memfd of at least `size` bytes that can no longer shrink: 1, 0 or -errno.
int atoll_memfd_is_sealed(int fd, unsigned long size);
// Maps; protection bits: 1 read, 2 write. fd -1 = anonymous private. On failure *error = errno and null is returned.
void *atoll_map(int fd, unsigned long size, unsigned long offset, int protection, int *error);
// As atoll_map for shared guest RAM, aligned so that huge pages can back it, not dumped, no reserve.
void *atoll_map_guest(int fd, unsigned long size, int *error);
int atoll_unmap(void *base, unsigned long size);
unsigned long atoll_page_size(void);
// Futex on shared memory. Waits while *word == expected; timeout in ns, -1 = none. 0, or -ETIMEDOUT, -EAGAIN, -EINTR.
int atoll_futex_wait(unsigned int *word, unsigned int expected, long timeout_ns);
int atoll_futex_wake(unsigned int *word, int count);

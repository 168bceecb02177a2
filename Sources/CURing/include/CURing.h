// liburing, as far as one disk needs it. Opaque pointers and scalars only; failure is -errno.
#pragma once

// A ring of `entries` requests (a power of two, at most 4096) that can read, write, sync and allocate `file` and nothing
// else, for good (io_uring_register_restrictions(3)): no other operation, no other file, no change of the ring. Only the
// calling thread may use it. Null with *error = -errno where the kernel has no io_uring, forbids it, or is older than 5.10.
void *atoll_uring_create(unsigned entries, int file, int *error);
void atoll_uring_free(void *ring);
// The descriptor that poll and epoll report as readable while completions wait.
int atoll_uring_descriptor(const void *ring);

// Each of these puts one request into the submission queue, without a system call; -EBUSY if it is full. `token` comes
// back with the completion. `segments` is an array of struct iovec, which may change once it was submitted.
int atoll_uring_read(void *ring, const void *segments, unsigned count, unsigned long offset, unsigned long token);
// With `stable` the data is on stable storage when the write completes (RWF_DSYNC).
int atoll_uring_write(void *ring, const void *segments, unsigned count, unsigned long offset, int stable,
                      unsigned long token);
int atoll_uring_sync(void *ring, unsigned long token);       // fdatasync(2)
int atoll_uring_allocate(void *ring, int mode, unsigned long offset, unsigned long size, unsigned long token);

// Hands the submission queue over in one system call, waiting until `wait` completions are there. The count that the
// kernel took.
int atoll_uring_submit(void *ring, unsigned wait);
// Requests that wait in the submission queue.
unsigned atoll_uring_queued(const void *ring);
// Lets the kernel finish what waits for this thread; never blocks. Only if the kernel asks for it is it a system call.
void atoll_uring_collect(void *ring);
// Takes one completion: 1 with its token and result (bytes or -errno), or 0 if there is none.
int atoll_uring_next(void *ring, unsigned long *token, int *result);

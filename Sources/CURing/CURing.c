#include "CURing.h"
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/uio.h>

// The only file in the ring's table.
#define DISK 0

// Threads of the kernel for what it cannot do without sleeping (buffered writes, fdatasync, fallocate): writes to one
// file take turns anyway.
#define KERNEL_THREADS 4

static int confine(struct io_uring *ring, int file) {
  static const unsigned char operations[] = {IORING_OP_READ, IORING_OP_READV, IORING_OP_WRITE, IORING_OP_WRITEV,
                                             IORING_OP_FSYNC, IORING_OP_FALLOCATE};
  enum { COUNT = sizeof operations };
  struct io_uring_restriction rules[COUNT + 2] = {0};
  for (int i = 0; i < COUNT; i++) {
    rules[i].opcode = IORING_RESTRICTION_SQE_OP;
    rules[i].sqe_op = operations[i];
  }
  // A number in the ring's table, never one of the process' descriptors. No other flag may be set.
  rules[COUNT].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
  rules[COUNT].sqe_flags = IOSQE_FIXED_FILE;
  rules[COUNT + 1].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  rules[COUNT + 1].sqe_flags = IOSQE_FIXED_FILE;
  int result = io_uring_register_files(ring, &file, 1);
  if (result < 0) return result;
  unsigned threads[2] = {KERNEL_THREADS, KERNEL_THREADS};
  // Since Linux 5.15; without it the kernel's own limit holds.
  (void)io_uring_register_iowq_max_workers(ring, threads);
  result = io_uring_register_restrictions(ring, rules, COUNT + 2);
  if (result < 0) return result;
  return io_uring_enable_rings(ring);
}

static int open_ring(struct io_uring *ring, unsigned entries, unsigned flags, int file) {
  int result = io_uring_queue_init(entries, ring, IORING_SETUP_R_DISABLED | flags);
  if (result < 0) return result;
  result = confine(ring, file);
  if (result < 0) io_uring_queue_exit(ring);
  return result;
}

void *atoll_uring_create(unsigned entries, int file, int *error) {
  struct io_uring *ring = calloc(1, sizeof *ring);
  if (!ring) {
    *error = -ENOMEM;
    return 0;
  }
  // The first needs Linux 6.0; completions then wait for this thread's next system call rather than interrupt it.
  *error = open_ring(ring, entries, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SINGLE_ISSUER, file);
  if (*error == -EINVAL) *error = open_ring(ring, entries, 0, file);
  if (*error >= 0) return ring;
  free(ring);
  return 0;
}
void atoll_uring_free(void *ring) {
  io_uring_queue_exit(ring);
  free(ring);
}
int atoll_uring_descriptor(const void *ring) { return ((const struct io_uring *)ring)->ring_fd; }

static int queued(struct io_uring_sqe *sqe, unsigned long token) {
  io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
  io_uring_sqe_set_data64(sqe, token);
  return 0;
}
int atoll_uring_read(void *ring, const void *segments, unsigned count, unsigned long offset, unsigned long token) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  if (!sqe) return -EBUSY;
  const struct iovec *vector = segments;
  if (count == 1)
    // The length of an sqe has 32 bits; a longer segment is read in parts, as a short read.
    io_uring_prep_read(sqe, DISK, vector->iov_base, vector->iov_len > 1u << 30 ? 1u << 30 : (unsigned)vector->iov_len, offset);
  else
    io_uring_prep_readv(sqe, DISK, vector, count, offset);
  return queued(sqe, token);
}
int atoll_uring_write(void *ring, const void *segments, unsigned count, unsigned long offset, int stable,
                      unsigned long token) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  if (!sqe) return -EBUSY;
  const struct iovec *vector = segments;
  if (count == 1)
    io_uring_prep_write(sqe, DISK, vector->iov_base, vector->iov_len > 1u << 30 ? 1u << 30 : (unsigned)vector->iov_len, offset);
  else
    io_uring_prep_writev(sqe, DISK, vector, count, offset);
  sqe->rw_flags = stable ? RWF_DSYNC : 0;
  return queued(sqe, token);
}
int atoll_uring_sync(void *ring, unsigned long token) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  if (!sqe) return -EBUSY;
  io_uring_prep_fsync(sqe, DISK, IORING_FSYNC_DATASYNC);
  return queued(sqe, token);
}
int atoll_uring_allocate(void *ring, int mode, unsigned long offset, unsigned long size, unsigned long token) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  if (!sqe) return -EBUSY;
  io_uring_prep_fallocate(sqe, DISK, mode, (off_t)offset, (off_t)size);
  return queued(sqe, token);
}

int atoll_uring_submit(void *ring, unsigned wait) {
  int result;
  do result = wait ? io_uring_submit_and_wait(ring, wait) : io_uring_submit(ring);
  while (result == -EINTR);
  return result;
}
unsigned atoll_uring_queued(const void *ring) { return io_uring_sq_ready(ring); }
void atoll_uring_collect(void *ring) {
  struct io_uring *uring = ring;
  if (IO_URING_READ_ONCE(*uring->sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) io_uring_get_events(uring);
}
int atoll_uring_next(void *ring, unsigned long *token, int *result) {
  struct io_uring_cqe *cqe = 0;
  unsigned head, found = 0;
  io_uring_for_each_cqe((struct io_uring *)ring, head, cqe) {
    *token = cqe->user_data;
    *result = cqe->res;
    found = 1;
    break;
  }
  if (found) io_uring_cq_advance(ring, 1);
  return (int)found;
}

#include "CRingProbe.h"
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>

static char sector[512] __attribute__((aligned(512)));

static void prepare(struct io_uring_sqe *sqe, int operation) {
  switch (operation) {
    case ATOLL_RING_READ: return io_uring_prep_read(sqe, 0, sector, sizeof sector, 0);
    case ATOLL_RING_WRITE: return io_uring_prep_write(sqe, 0, sector, sizeof sector, 0);
    case ATOLL_RING_SYNC: return io_uring_prep_fsync(sqe, 0, 0);
    case ATOLL_RING_OPEN: return io_uring_prep_openat(sqe, AT_FDCWD, "/", O_RDONLY, 0);
    case ATOLL_RING_CONNECT: return io_uring_prep_connect(sqe, 0, 0, 0);
    case ATOLL_RING_SPLICE: return io_uring_prep_splice(sqe, 0, 0, 0, 0, 1, 0);
    default: return io_uring_prep_nop(sqe);
  }
}

int atoll_ring_try(void *ring, int operation, int registered, int linked) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  if (!sqe) return -EBUSY;
  prepare(sqe, operation);
  if (registered) sqe->flags |= IOSQE_FIXED_FILE;
  if (linked) sqe->flags |= IOSQE_IO_LINK;
  struct io_uring_cqe *cqe;
  int result = io_uring_submit_and_wait(ring, 1);
  if (result < 0) return result;
  result = io_uring_wait_cqe(ring, &cqe);
  if (result < 0) return result;
  result = cqe->res;
  io_uring_cqe_seen(ring, cqe);
  return result;
}
int atoll_ring_try_register(void *ring, int file) { return io_uring_register_files_update(ring, 0, &file, 1); }

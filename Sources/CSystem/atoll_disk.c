#include "atoll_disk.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define RETRY(call) ({ long r_; do { r_ = (call); } while (r_ < 0 && errno == EINTR); r_ < 0 ? -(long)errno : r_; })

static int describe_device(int fd, long *fields) {
  unsigned long long size = 0;
  int logical = 0;
  unsigned physical = 0, optimal = 0;
  if (ioctl(fd, BLKGETSIZE64, &size) < 0 || ioctl(fd, BLKSSZGET, &logical) < 0) return -errno;
  (void)ioctl(fd, BLKPBSZGET, &physical);
  (void)ioctl(fd, BLKIOOPT, &optimal);
  fields[ATOLL_DISK_SIZE] = (long)size;
  fields[ATOLL_DISK_LOGICAL_BLOCK] = logical;
  fields[ATOLL_DISK_PHYSICAL_BLOCK] = physical;
  fields[ATOLL_DISK_OPTIMAL_IO] = optimal;
  return 0;
}
int atoll_disk_describe(int fd, long fields[ATOLL_DISK_FIELDS]) {
  for (int i = 0; i < ATOLL_DISK_FIELDS; i++) fields[i] = 0;
  struct statx st;
  unsigned wanted = STATX_TYPE | STATX_SIZE | STATX_DIOALIGN;
  if (statx(fd, "", AT_EMPTY_PATH, wanted, &st) < 0) return -errno;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -errno;
  fields[ATOLL_DISK_WRITABLE] = (flags & O_ACCMODE) == O_RDWR;
  fields[ATOLL_DISK_DIRECT] = (flags & O_DIRECT) != 0;
  fields[ATOLL_DISK_KIND] = S_ISREG(st.stx_mode) ? 1 : S_ISBLK(st.stx_mode) ? 2 : 0;
  // Before Linux 6.1 nobody says; what every device can do then.
  int known = (st.stx_mask & STATX_DIOALIGN) != 0;
  fields[ATOLL_DISK_DIRECT_MEMORY] = known ? st.stx_dio_mem_align : 4096;
  fields[ATOLL_DISK_DIRECT_OFFSET] = known ? st.stx_dio_offset_align : 4096;
  fields[ATOLL_DISK_SIZE] = (long)st.stx_size;
  fields[ATOLL_DISK_PHYSICAL_BLOCK] = st.stx_blksize;
  return fields[ATOLL_DISK_KIND] == 2 ? describe_device(fd, fields) : 0;
}
int atoll_disk_lock(int fd, int alone) {
  struct flock lock = {.l_type = alone ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
  int result = (int)RETRY(fcntl(fd, F_OFD_SETLK, &lock));
  return result == -EACCES ? -EAGAIN : result;
}
int atoll_disk_set_flags(int fd, int direct) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -errno;
  int wanted = (flags & ~O_NONBLOCK) | (direct ? O_DIRECT : 0);
  return wanted == flags ? 0 : (int)RETRY(fcntl(fd, F_SETFL, wanted));
}
long atoll_disk_read(int fd, const void *segments, int count, long offset) {
  return RETRY(preadv(fd, segments, count, offset));
}
long atoll_disk_write(int fd, const void *segments, int count, long offset, int stable) {
  return RETRY(pwritev2(fd, segments, count, offset, stable ? RWF_DSYNC : 0));
}
int atoll_disk_sync(int fd) { return (int)RETRY(fdatasync(fd)); }
int atoll_disk_allocate(int fd, int mode, long offset, long size) { return (int)RETRY(fallocate(fd, mode, offset, size)); }
void atoll_disk_ignore_size_signal(void) { signal(SIGXFSZ, SIG_IGN); }

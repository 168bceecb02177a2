#include "atoll_region.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

int atoll_file_identity(int fd, unsigned long *device, unsigned long *inode) {
  struct stat st;
  if (fstat(fd, &st) < 0) return -errno;
  *device = st.st_dev;
  *inode = st.st_ino;
  return 0;
}
int atoll_seal_shrink(int fd) {
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0) return errno == EINVAL ? 0 : -errno;
  if (seals & F_SEAL_SHRINK) return 1;
  return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0;
}

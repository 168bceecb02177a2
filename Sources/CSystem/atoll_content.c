#include "atoll_content.h"
#include <errno.h>
#include <unistd.h>

int atoll_content_write(int fd, const void *bytes, unsigned long count, long offset) {
  const char *at = bytes;
  while (count > 0) {
    long done = pwrite(fd, at, count, offset);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return -errno;
    // A medium that takes nothing and reports nothing.
    if (done == 0) return -EIO;
    at += done;
    offset += done;
    count -= (unsigned long)done;
  }
  return 0;
}

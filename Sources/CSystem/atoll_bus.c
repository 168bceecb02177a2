#include "atoll_bus.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int atoll_replace_descriptor(int fd, int number) {
  int result;
  do result = dup3(fd, number, O_CLOEXEC);
  while (result < 0 && (errno == EINTR || errno == EBUSY));
  return result < 0 ? -errno : 0;
}

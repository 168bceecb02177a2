#include "atoll_tap.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

int atoll_tap_open(const char *name, int multiQueue) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (multiQueue ? IFF_MULTI_QUEUE : 0)};
  if (strlen(name) >= sizeof request.ifr_name) return -ENAMETOOLONG;
  strcpy(request.ifr_name, name);
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -errno;
  int header = 12;
  if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int atoll_tap_offload(int fd, unsigned offloads) { return ioctl(fd, TUNSETOFFLOAD, (unsigned long)offloads) < 0 ? -errno : 0; }

int atoll_tap_enable(int fd, int on) {
  struct ifreq request = {.ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};
  return ioctl(fd, TUNSETQUEUE, &request) < 0 ? -errno : 0;
}

// A longer vector is cut: the kernel takes no more, and no driver builds one.
static int clipped(int count) { return count > IOV_MAX ? IOV_MAX : count; }

long atoll_tap_receive(int fd, const void *vector, int count) {
  ssize_t bytes;
  do bytes = readv(fd, vector, clipped(count));
  while (bytes < 0 && errno == EINTR);
  return bytes < 0 ? -errno : bytes;
}

long atoll_tap_send(int fd, const void *vector, int count) {
  ssize_t bytes;
  do bytes = writev(fd, vector, clipped(count));
  while (bytes < 0 && errno == EINTR);
  return bytes < 0 ? -errno : bytes;
}

#include "atoll_functions.h"
#include <errno.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NOBODY 65534

int atoll_is_disk(int fd) {
  struct stat st;
  return fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
}
int atoll_path_kind(const char *path) {
  struct stat st;
  if (stat(path, &st) < 0) return 0;
  return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) ? 2 : 1;
}
static long copy(const char *text, char *out, unsigned long capacity) {
  size_t length = strlen(text);
  if (length >= capacity) return -ENAMETOOLONG;
  memcpy(out, text, length + 1);
  return (long)length;
}
long atoll_tap_name(int fd, char *name, unsigned long capacity) {
  struct ifreq request = {0};
  return ioctl(fd, TUNGETIFF, &request) < 0 ? -errno : copy(request.ifr_name, name, capacity);
}
int atoll_unix_connect_now(const char *path) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof to.sun_path) return -ENAMETOOLONG;
  strcpy(to.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (void *)&to, sizeof to) == 0) return fd;
  int error = errno;
  close(fd);
  return -error;
}
long atoll_absolute_path(const char *path, char *out, unsigned long capacity) {
  char whole[PATH_MAX];
  return realpath(path, whole) ? copy(whole, out, capacity) : -errno;
}
int atoll_remove_socket(const char *path) {
  struct stat st;
  if (lstat(path, &st) < 0) return -errno;
  if (!S_ISSOCK(st.st_mode)) return -EINVAL;
  return unlink(path) < 0 ? -errno : 0;
}
int atoll_remove_folder(const char *path) { return rmdir(path) < 0 ? -errno : 0; }
int atoll_give_to_children(const char *path) {
  if (geteuid() != 0) return 0;
  return chown(path, NOBODY, NOBODY) < 0 ? -errno : 0;
}
int atoll_children_may_write(const char *path) {
  struct stat st;
  if (geteuid() != 0) return access(path, W_OK | X_OK) == 0;
  if (stat(path, &st) < 0) return -errno;
  int shift = st.st_uid == NOBODY ? 6 : st.st_gid == NOBODY ? 3 : 0;
  return (st.st_mode >> shift & 3) == 3;
}

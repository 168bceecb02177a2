#include "atoll_host.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

long atoll_host_memory(void) {
  struct sysinfo info;
  if (sysinfo(&info) < 0) return -errno;
  return (long)(info.totalram * info.mem_unit);
}
int atoll_is_regular_file(int fd) {
  struct stat st;
  return fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode);
}
long atoll_executable_path(char *path, unsigned long capacity) {
  ssize_t length = readlink("/proc/self/exe", path, capacity);
  if (length < 0) return -errno;
  if ((unsigned long)length >= capacity) return -ENAMETOOLONG;
  path[length] = 0;
  return length;
}
long atoll_environment(const char *name, char *value, unsigned long capacity) {
  const char *found = getenv(name);
  if (!found) return -ENOENT;
  size_t length = strlen(found);
  if (length >= capacity) return -ENAMETOOLONG;
  memcpy(value, found, length + 1);
  return (long)length;
}
int atoll_private_folder(const char *path) {
  struct stat st;
  if (mkdir(path, 0700) < 0 && errno != EEXIST) return -errno;
  if (lstat(path, &st) < 0) return -errno;
  if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0) return -EPERM;
  return 0;
}
int atoll_unlink(const char *path) { return unlink(path) < 0 ? -errno : 0; }
int atoll_prepare_supervisor(void) {
  struct rlimit files;
  int fd;
  umask(077);
  do {
    if ((fd = open("/dev/null", O_RDWR)) < 0) return -errno;
  } while (fd <= 2);
  close(fd);
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  return 0;
}

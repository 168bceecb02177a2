#include "atoll_check.h"
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

long atoll_kernel_release(char *release, unsigned long capacity) {
  struct utsname names;
  if (uname(&names) < 0) return -errno;
  size_t length = strlen(names.release);
  if (length >= capacity) return -ENAMETOOLONG;
  memcpy(release, names.release, length + 1);
  return (long)length;
}

int atoll_signal_from_child(int eventfd, long delay_ns) {
  int pid = fork();
  if (pid < 0) return -errno;
  if (pid > 0) return pid;
  // Of a process with threads: nothing that takes a lock, and out without the parent's exit handlers.
  struct timespec delay = {delay_ns / 1000000000L, delay_ns % 1000000000L};
  nanosleep(&delay, 0);
  unsigned long one = 1;
  _exit(write(eventfd, &one, sizeof one) == sizeof one ? 0 : 1);
}

int atoll_await_child(int pid) {
  int status;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return -errno;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

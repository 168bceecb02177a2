#include "atoll_terminal.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>

_Static_assert(sizeof(struct termios) <= ATOLL_TERMINAL_STATE, "the state does not fit");

int atoll_terminal_save(int fd, unsigned char *state) {
  struct termios modes;
  if (tcgetattr(fd, &modes) < 0) return -errno;
  memset(state, 0, ATOLL_TERMINAL_STATE);
  memcpy(state, &modes, sizeof modes);
  return 0;
}
static int set(int fd, const struct termios *modes) {
  // A background process that sets modes gets SIGTTOU, which would stop it in the middle of restoring.
  sigset_t block, old;
  sigemptyset(&block);
  sigaddset(&block, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &block, &old);
  int result;
  do result = tcsetattr(fd, TCSANOW, modes);
  while (result < 0 && errno == EINTR);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &old, 0);
  return result < 0 ? -error : 0;
}
int atoll_terminal_restore(int fd, const unsigned char *state) {
  struct termios modes;
  memcpy(&modes, state, sizeof modes);
  return set(fd, &modes);
}
int atoll_terminal_raw(int fd) {
  struct termios modes;
  if (tcgetattr(fd, &modes) < 0) return -errno;
  tcflag_t output = modes.c_oflag;
  cfmakeraw(&modes);
  // Output processing stays: log lines of the supervisor end with a bare newline.
  modes.c_oflag = output;
  return set(fd, &modes);
}

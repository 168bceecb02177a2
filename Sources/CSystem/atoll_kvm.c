#include "atoll_kvm.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

long atoll_kvm_control(int fd, unsigned long request, unsigned long argument) {
  int result = ioctl(fd, request, argument);
  return result < 0 ? -errno : result;
}

static void nothing(int signal) { (void)signal; }

int atoll_kvm_prepare_thread(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = nothing;
  // Calls other than KVM_RUN, which ends all the same, go on.
  action.sa_flags = SA_RESTART;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  if (sigaction(SIGUSR1, &action, 0) < 0) return -errno;
  int error = pthread_sigmask(SIG_UNBLOCK, &set, 0);
  return error ? -error : (int)syscall(SYS_gettid);
}

int atoll_kvm_interrupt(int thread) {
  return syscall(SYS_tgkill, getpid(), thread, SIGUSR1) < 0 ? -errno : 0;
}

unsigned atoll_host_cpucfg(unsigned word) {
#ifdef __loongarch64
  unsigned value;
  __asm__ volatile("cpucfg %0, %1" : "=r"(value) : "r"(word));
  return value;
#else
  (void)word;
  return 0;
#endif
}

int atoll_host_is_loongarch(void) {
#ifdef __loongarch64
  return 1;
#else
  return 0;
#endif
}

#include "CProbe.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int outsider;
static char page[4096] __attribute__((aligned(4096)));

static int done(long result) { return result < 0 ? -errno : 0; }
#define CALL(...) done(syscall(__VA_ARGS__))
#define ATTEMPT(name) static int name(void)

// Files
ATTEMPT(open_file) { return done(open("/etc/passwd", O_RDONLY)); }
ATTEMPT(open_root) { return done(open("/", O_RDONLY | O_DIRECTORY)); }
ATTEMPT(open_here) { return CALL(SYS_openat, AT_FDCWD, ".", O_PATH, 0); }
ATTEMPT(open_2) { uint64_t how[3] = {O_PATH, 0, 0}; return CALL(SYS_openat2, AT_FDCWD, ".", how, sizeof how); }
ATTEMPT(open_own_memory) { return done(open("/proc/self/mem", O_RDWR)); }
ATTEMPT(create_file) { return done(open("/tmp", O_WRONLY | O_TMPFILE, 0600)); }
ATTEMPT(list_here) { return CALL(SYS_getdents64, open(".", O_RDONLY | O_DIRECTORY), page, sizeof page); }
ATTEMPT(stat_path) { return CALL(SYS_newfstatat, AT_FDCWD, "/etc/passwd", page, 0); }
ATTEMPT(make_directory) { return done(mkdir("/tmp/atoll-probe", 0700)); }
ATTEMPT(change_root) { return done(chroot("/")); }
ATTEMPT(change_directory) { return done(chdir("/tmp")); }
ATTEMPT(write_file) { return done(write(4, page, sizeof page)); }
ATTEMPT(watch_files) { return CALL(SYS_inotify_init1, 0); }
ATTEMPT(file_handle) {
  struct { unsigned bytes; int type; char room[128]; } handle = {128, 0, {0}};
  int mount_id;
  return CALL(SYS_name_to_handle_at, AT_FDCWD, "/", &handle, &mount_id, 0);
}

// Network and other ways to talk
static int socket_of(int family, int type) { return done(socket(family, type, 0)); }
ATTEMPT(socket_unix) { return socket_of(AF_UNIX, SOCK_STREAM); }
ATTEMPT(socket_ip) { return socket_of(AF_INET, SOCK_STREAM); }
ATTEMPT(socket_ip6) { return socket_of(AF_INET6, SOCK_DGRAM); }
ATTEMPT(socket_netlink) { return socket_of(AF_NETLINK, SOCK_RAW); }
ATTEMPT(socket_pair) { int ends[2]; return done(socketpair(AF_UNIX, SOCK_STREAM, 0, ends)); }
ATTEMPT(connect_abstract) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0atoll"};
  return connect(3, (void *)&address, sizeof address) < 0 && errno == EISCONN ? 0 : -errno;
}
ATTEMPT(make_pipe) { int ends[2]; return done(pipe(ends)); }
ATTEMPT(message_queue) { return CALL(SYS_msgget, 0, 0600 | 01000); }
ATTEMPT(system_v_memory) { return done(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600)); }

// Processes
ATTEMPT(execute) {
  char *const arguments[] = {"true", 0};
  return done(execve("/bin/true", arguments, 0));
}
ATTEMPT(execute_again) {
  // The number that the first filter allows: unreachable, because it lies above the limit of open files.
  char *const arguments[] = {"true", 0};
  int program = open("/bin/true", O_RDONLY);
  if (fcntl(program < 0 ? 2 : program, F_DUPFD_CLOEXEC, 767) != 767) return -errno;
  return CALL(SYS_execveat, 767, "", arguments, 0, AT_EMPTY_PATH);
}
ATTEMPT(execute_memory) {
  static const char script[] = "#!/bin/true\n";
  char *const arguments[] = {"x", 0};
  int fd = memfd_create("x", 0);
  if (fd < 0 || write(fd, script, sizeof script - 1) < 0) return -errno;
  return CALL(SYS_execveat, fd, "", arguments, 0, AT_EMPTY_PATH);
}
static int reap(long pid) {
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid((pid_t)pid, 0, __WALL);
  return done(pid);
}
ATTEMPT(fork_process) { return reap(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }
ATTEMPT(clone_3) {
  struct clone_args arguments = {.exit_signal = SIGCHLD};
  return reap(syscall(SYS_clone3, &arguments, sizeof arguments));
}
static int leave(void *unused) {
  (void)unused;
  syscall(SYS_exit, 0);
  return 0;
}
ATTEMPT(make_thread) {
  // As glibc's pthread_create does it.
  static char stack[4096] __attribute__((aligned(16))), local[4096] __attribute__((aligned(64)));
  static int parent_word, child_word;
  return done(clone(leave, stack + sizeof stack, 0x3d0f00, 0, &parent_word, local + 2048, &child_word));
}
ATTEMPT(clone_namespace) { return reap(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }
ATTEMPT(trace_me) { return done(ptrace(PTRACE_TRACEME, 0, 0, 0)); }
ATTEMPT(trace_other) { return done(ptrace(PTRACE_SEIZE, outsider, 0, 0)); }
ATTEMPT(read_other_memory) {
  // Address 0x10000 need not be mapped there: EFAULT says that the other memory was reached.
  struct iovec here = {page, 16}, there = {(void *)0x10000, 16};
  long got = process_vm_readv(outsider, &here, 1, &there, 1, 0);
  return got < 0 && errno != EFAULT ? -errno : 0;
}
ATTEMPT(signal_other) { return done(kill(outsider, 0)); }
ATTEMPT(signal_all) { return done(kill(-1, 0)); }
ATTEMPT(signal_group) { return done(kill(0, 0)); }
ATTEMPT(signal_thread) { return CALL(SYS_tgkill, outsider, outsider, 0); }
ATTEMPT(signal_queue) { siginfo_t info = {.si_code = SI_QUEUE}; return CALL(SYS_rt_sigqueueinfo, outsider, 0, &info); }
ATTEMPT(pidfd_other) { return CALL(SYS_pidfd_open, outsider, 0); }
ATTEMPT(steal_descriptor) { return CALL(SYS_pidfd_getfd, syscall(SYS_pidfd_open, outsider, 0), 0, 0); }
ATTEMPT(set_affinity) {
  unsigned long set[16] = {0};
  if (syscall(SYS_sched_getaffinity, 0, sizeof set, set) < 0) return -errno;
  return CALL(SYS_sched_setaffinity, 0, sizeof set, set);
}
ATTEMPT(set_priority) { return done(setpriority(PRIO_PROCESS, 0, 19)); }
ATTEMPT(limit_other) { struct rlimit64 now; return CALL(SYS_prlimit64, outsider, RLIMIT_NOFILE, 0, &now); }
ATTEMPT(set_limit) { struct rlimit64 more = {64, 64}; return CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, &more, 0); }

// Memory
static int map(int protection, int flags) {
  return mmap(0, 4096, protection, flags, -1, 0) == MAP_FAILED ? -errno : 0;
}
ATTEMPT(map_executable) { return map(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS); }
ATTEMPT(map_write_execute) { return map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS); }
ATTEMPT(map_over) {
  return mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -errno : 0;
}
ATTEMPT(protect_executable) { return done(mprotect(page, 4096, PROT_READ | PROT_EXEC)); }
ATTEMPT(protect_key) { return CALL(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_EXEC, -1); }
ATTEMPT(read_implies_execute) { return done(personality(READ_IMPLIES_EXEC)); }
ATTEMPT(remap_over) {
  void *other = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mremap(other, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, page) == MAP_FAILED ? -errno : 0;
}
ATTEMPT(lock_memory) { return done(mlock(page, 4096)); }
ATTEMPT(make_memory_file) { return done(memfd_create("probe", 0)); }
ATTEMPT(secret_fault_handler) { return CALL(SYS_userfaultfd, 1); }
ATTEMPT(huge_allocation) {
  size_t size = 4UL << 30;
  return mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED
             ? -errno : 0;
}
ATTEMPT(many_descriptors) {
  for (int i = 0; i < 780; i++)
    if (fcntl(2, F_DUPFD_CLOEXEC, 0) < 0) return -errno;
  return 0;
}

// Namespaces, mounts, privileges
ATTEMPT(mount_file_system) { return done(mount("none", "/proc", "tmpfs", 0, 0)); }
ATTEMPT(mount_new_interface) { return CALL(SYS_fsopen, "tmpfs", 0); }
ATTEMPT(unmount) { return done(umount2("/", MNT_DETACH)); }
ATTEMPT(unshare_user) { return done(unshare(CLONE_NEWUSER)); }
ATTEMPT(unshare_mounts) { return done(unshare(CLONE_NEWNS)); }
ATTEMPT(enter_namespace) { return done(setns(open("/proc/self/ns/uts", O_RDONLY), 0)); }
ATTEMPT(enter_outsider) { return done(setns((int)syscall(SYS_pidfd_open, outsider, 0), CLONE_NEWNS)); }
ATTEMPT(pivot) { return CALL(SYS_pivot_root, ".", "."); }
ATTEMPT(become_root) { return CALL(SYS_setresuid, 0, 0, 0); }
ATTEMPT(set_groups) { gid_t none = 0; return CALL(SYS_setgroups, 1, &none); }
ATTEMPT(raise_ambient) { return done(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0)); }
ATTEMPT(become_dumpable) { return done(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }
ATTEMPT(outlive_parent) { return done(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)); }
ATTEMPT(keep_capabilities) { return done(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)); }
ATTEMPT(allow_tracer) { return done(prctl(PR_SET_PTRACER, -1L, 0, 0, 0)); }
ATTEMPT(filter_listener) {
  struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return CALL(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}
ATTEMPT(set_host_name) { return done(sethostname("", 0)); }
ATTEMPT(set_clock) {
  struct timespec now;
  return clock_gettime(0, &now) < 0 ? -errno : CALL(SYS_clock_settime, 0, &now);
}

// The kernel's larger surfaces
ATTEMPT(key_ring) { return CALL(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1); }
ATTEMPT(add_key) { return CALL(SYS_add_key, "user", "atoll", "x", 1, KEY_SPEC_PROCESS_KEYRING); }
ATTEMPT(bpf_map) {
  union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  return CALL(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
}
ATTEMPT(io_uring) { struct io_uring_params parameters = {0}; return CALL(SYS_io_uring_setup, 1, &parameters); }
ATTEMPT(performance_counter) {
  struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event, .exclude_kernel = 1};
  return CALL(SYS_perf_event_open, &event, 0, -1, -1, 0);
}
ATTEMPT(kernel_log) { return CALL(SYS_syslog, 10, 0, 0); }
ATTEMPT(push_terminal_input) { return done(ioctl(0, 0x5412 /* TIOCSTI */, "x")); }
ATTEMPT(terminal_ioctl) { int bytes; return done(ioctl(4, FIONREAD, &bytes)); }
ATTEMPT(futex_requeue) { return CALL(SYS_futex, page, 3 /* FUTEX_REQUEUE */, 0, 0, page + 64, 0); }
ATTEMPT(futex_priority) { return CALL(SYS_futex, page, 6 /* FUTEX_LOCK_PI */, 0, 0, 0, 0); }
ATTEMPT(make_blocking) { return done(fcntl(2, F_SETFL, 0)); }
ATTEMPT(seal_descriptor) { return done(fcntl(2, F_SETOWN, 0)); }
ATTEMPT(splice_bytes) { struct iovec part = {page, 1}; return CALL(SYS_vmsplice, 2, &part, 1, SPLICE_F_NONBLOCK); }
// KVM. Descriptor 5 is /dev/kvm, where the driver could open it; the requests that make things have the same numbers everywhere.
static int kvm(unsigned request, unsigned long argument) { return CALL(SYS_ioctl, 5, request, argument); }
ATTEMPT(kvm_make_machine) { return kvm(0xae01 /* KVM_CREATE_VM */, 0); }
ATTEMPT(kvm_make_vcpu) { return kvm(0xae41 /* KVM_CREATE_VCPU */, 0); }
ATTEMPT(kvm_place_memory) { return kvm(0x4020ae46 /* KVM_SET_USER_MEMORY_REGION */, (unsigned long)page); }
ATTEMPT(kvm_make_device) { return kvm(0xc00caee0 /* KVM_CREATE_DEVICE */, (unsigned long)page); }
ATTEMPT(kvm_debug_guest) { return kvm(0x4048ae9b /* KVM_SET_GUEST_DEBUG */, (unsigned long)page); }
ATTEMPT(kvm_run) { return kvm(0xae80 /* KVM_RUN */, 0); }
ATTEMPT(kvm_bind) { return kvm(0x4020ae76 /* KVM_IRQFD */, (unsigned long)page); }
static volatile int kicked;
static void be_kicked(int signal) { kicked = signal; }
// As a vCPU's thread is called back from its guest.
static int kick(int signal) {
  struct sigaction action = {.sa_handler = be_kicked};
  kicked = 0;
  if (sigaction(signal, &action, 0) < 0) return -errno;
  if (syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), signal) < 0) return -errno;
  return kicked == signal ? 0 : -EIO;
}
ATTEMPT(kick_self) { return kick(SIGUSR1); }
ATTEMPT(kick_self_otherwise) { return kick(SIGUSR2); }
#if defined(__x86_64__)
ATTEMPT(other_architecture) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* i386 getpid */) : "memory", "r8", "r9", "r10", "r11");
  return result < 0 ? (int)result : 0;
}
ATTEMPT(other_abi) { return CALL(0x40000000 | SYS_getpid); }
#endif

static const struct { const char *name; int (*run)(void); } attempts[] = {
#define ROW(name) {#name, name}
    ROW(open_file), ROW(open_root), ROW(open_here), ROW(open_2), ROW(open_own_memory), ROW(create_file),
    ROW(list_here), ROW(stat_path), ROW(make_directory), ROW(change_root), ROW(change_directory), ROW(write_file),
    ROW(watch_files), ROW(file_handle), ROW(socket_unix), ROW(socket_ip), ROW(socket_ip6), ROW(socket_netlink),
    ROW(socket_pair), ROW(connect_abstract), ROW(make_pipe), ROW(message_queue), ROW(system_v_memory), ROW(execute),
    ROW(execute_again), ROW(execute_memory), ROW(fork_process), ROW(clone_3), ROW(make_thread),
    ROW(clone_namespace), ROW(trace_me),
    ROW(trace_other), ROW(read_other_memory), ROW(signal_other), ROW(signal_all), ROW(signal_group),
    ROW(signal_thread), ROW(signal_queue), ROW(pidfd_other), ROW(steal_descriptor), ROW(set_affinity),
    ROW(set_priority), ROW(limit_other), ROW(set_limit), ROW(map_executable), ROW(map_write_execute), ROW(map_over),
    ROW(protect_executable), ROW(protect_key), ROW(read_implies_execute), ROW(remap_over), ROW(lock_memory),
    ROW(make_memory_file), ROW(secret_fault_handler), ROW(huge_allocation), ROW(many_descriptors),
    ROW(mount_file_system), ROW(mount_new_interface), ROW(unmount), ROW(unshare_user), ROW(unshare_mounts),
    ROW(enter_namespace), ROW(enter_outsider), ROW(pivot), ROW(become_root), ROW(set_groups), ROW(raise_ambient),
    ROW(become_dumpable), ROW(outlive_parent), ROW(keep_capabilities), ROW(allow_tracer), ROW(filter_listener),
    ROW(set_host_name), ROW(set_clock), ROW(key_ring), ROW(add_key), ROW(bpf_map), ROW(io_uring),
    ROW(performance_counter), ROW(kernel_log), ROW(push_terminal_input), ROW(terminal_ioctl), ROW(futex_requeue),
    ROW(futex_priority), ROW(make_blocking), ROW(seal_descriptor), ROW(splice_bytes),
    ROW(kvm_make_machine), ROW(kvm_make_vcpu), ROW(kvm_place_memory), ROW(kvm_make_device), ROW(kvm_debug_guest),
    ROW(kvm_run), ROW(kvm_bind), ROW(kick_self), ROW(kick_self_otherwise),
#if defined(__x86_64__)
    ROW(other_architecture), ROW(other_abi),
#endif
};

int probe_count(void) { return (int)(sizeof attempts / sizeof *attempts); }
const char *probe_name(int index) { return index < 0 || index >= probe_count() ? 0 : attempts[index].name; }
int probe_try(int index, int target) {
  outsider = target;
  return attempts[index].run();
}

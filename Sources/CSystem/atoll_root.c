// Runs between clone3 and execveat, as atoll_process.c does: no allocation, no locks, no stdio.
#include "atoll_root.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct entry { char kind; const char *source, *target; };

static struct entry next_entry(const char **at) {
  struct entry entry = {.kind = **at, .source = *at + 1};
  entry.target = entry.source + strlen(entry.source) + 1;
  *at = entry.target + strlen(entry.target) + 1;
  return entry;
}
static int is_bind(char kind) { return kind == 'r' || kind == 'w' || kind == 'd'; }
static unsigned long attributes(char kind) {
  unsigned long common = MOUNT_ATTR_NOSUID;
  switch (kind) {
  case 'r': return common | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV;
  case 'w': return common | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  default: return common | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC;
  }
}
static int open_bind(const struct entry *entry) {
  int tree = open_tree(AT_FDCWD, entry->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0) return -errno;
  struct mount_attr attr = {.attr_set = attributes(entry->kind), .propagation = MS_PRIVATE};
  if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0) return -errno;
  return tree;
}
int atoll_root_open(const struct atoll_spawn_request *request, int trees[ATOLL_ROOT_ENTRIES]) {
  const char *at = request->root;
  for (int i = 0; i < request->root_count; i++) {
    struct entry entry = next_entry(&at);
    trees[i] = is_bind(entry.kind) ? open_bind(&entry) : -1;
    if (is_bind(entry.kind) && trees[i] < 0) return trees[i];
  }
  return 0;
}

// The new root is mounted here until it is pivoted to: /proc is a folder that every host has.
static const char base[] = "/proc";

static int place(char *path, const char *target) {
  size_t length = strlen(target);
  if (target[0] != '/' || length + sizeof base > PATH_MAX) return -EINVAL;
  memcpy(path, base, sizeof base - 1);
  memcpy(path + sizeof base - 1, target, length + 1);
  return 0;
}
static int make_folder(const char *path) { return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0; }
static int make_parents(char *path) {
  for (char *slash = path + sizeof base; (slash = strchr(slash, '/')); slash++) {
    *slash = 0;
    int error = make_folder(path);
    *slash = '/';
    if (error) return error;
  }
  return 0;
}
static int make_file(const char *path) {
  int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  return fd < 0 ? -errno : close(fd);
}
static int show_tree(int tree, const char *path) {
  struct stat st;
  if (fstat(tree, &st) < 0) return -errno;
  int error = S_ISDIR(st.st_mode) ? make_folder(path) : make_file(path);
  if (error) return error;
  return move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : close(tree);
}
static int mount_memory(const char *path, const char *options, unsigned long flags) {
  return mount("none", path, "tmpfs", flags | MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0 ? -errno : 0;
}
static int make_entry(const struct entry *entry, int tree) {
  char path[PATH_MAX];
  int error = place(path, entry->target);
  if (!error) error = make_parents(path);
  if (error) return error;
  switch (entry->kind) {
  case 'l': return symlink(entry->source, path) < 0 ? -errno : 0;
  case 'f': return make_folder(path);
  case 't': return (error = make_folder(path)) ? error : mount_memory(path, "size=1m,nr_inodes=256,mode=1777", 0);
  case 'p':
    if ((error = make_folder(path))) return error;
    // Refused where the host's own /proc is partly covered, as in most containers.
    (void)mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
    return 0;
  default: return show_tree(tree, path);
  }
}
static int fill(const struct atoll_spawn_request *request, const int *trees) {
  const char *at = request->root;
  for (int i = 0; i < request->root_count; i++) {
    struct entry entry = next_entry(&at);
    int error = make_entry(&entry, trees[i]);
    if (error) return error;
  }
  const unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  return mount(0, base, 0, flags, 0) < 0 ? -errno : 0;
}
// The program is looked up where it will see itself, so that it finds its own path in /proc.
static int find_program(const char *path) {
  int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return -errno;
  int placed = dup3(fd, ATOLL_EXECUTABLE_FD, O_CLOEXEC);
  close(fd);
  return placed < 0 ? -errno : 0;
}
int atoll_root_enter(const struct atoll_spawn_request *request, const int *trees) {
  int bare = request->root_count == 0, error;
  if (mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) < 0) return -errno;
  umask(0);
  error = mount_memory(base, bare ? "size=4k,nr_inodes=2,mode=0111" : "size=64k,nr_inodes=256,mode=0755",
                       bare ? MS_RDONLY : 0);
  if (!error && !bare) error = fill(request, trees);
  umask(077);
  if (error) return error;
  if (chdir(base) < 0 || syscall(SYS_pivot_root, ".", ".") < 0) return -errno;
  // The old root is now stacked on the new one at "."; detaching it leaves the new one alone.
  if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) return -errno;
  return request->path ? find_program(request->path) : 0;
}

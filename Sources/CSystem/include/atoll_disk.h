// A disk: a regular file or a block device, read and written at a position. Failure is -errno.
#pragma once
// What a descriptor is, in bytes where it is a size; 0 = unknown.
enum {
  ATOLL_DISK_KIND,              // 1 regular file, 2 block device, 0 anything else
  ATOLL_DISK_WRITABLE,          // 1 if opened for writing too
  ATOLL_DISK_DIRECT,            // 1 if opened with O_DIRECT
  ATOLL_DISK_SIZE,
  ATOLL_DISK_LOGICAL_BLOCK,     // smallest unit of a block device
  ATOLL_DISK_PHYSICAL_BLOCK,    // what it or the file system writes without reading first
  ATOLL_DISK_OPTIMAL_IO,
  ATOLL_DISK_DIRECT_MEMORY,     // alignment of memory and of offsets and lengths for O_DIRECT; 0, 0: it cannot
  ATOLL_DISK_DIRECT_OFFSET,
  ATOLL_DISK_FIELDS
};
int atoll_disk_describe(int fd, long fields[ATOLL_DISK_FIELDS]);
// Locks the whole file for this open file description (fcntl(2), F_OFD_SETLK): alone, or shared among readers.
// -EAGAIN if someone else has it.
int atoll_disk_lock(int fd, int alone);
// Operations wait for the disk from now on (no O_NONBLOCK); with `direct` they go past the page cache (O_DIRECT).
int atoll_disk_set_flags(int fd, int direct);
// `segments` is an array of struct iovec. Bytes moved; may be fewer than asked for.
long atoll_disk_read(int fd, const void *segments, int count, long offset);
long atoll_disk_write(int fd, const void *segments, int count, long offset, int stable);   // stable: RWF_DSYNC
int atoll_disk_sync(int fd);         // fdatasync(2)
int atoll_disk_allocate(int fd, int mode, long offset, long size);   // fallocate(2)
// A write beyond the limit of file sizes fails with EFBIG instead of ending the process.
void atoll_disk_ignore_size_signal(void);

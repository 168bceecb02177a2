#include "CCompression.h"
#include <limits.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

// One call without a window: zstd takes what it needs of earlier output from `out` itself.
int atoll_unpack_zstd(const void *in, unsigned long size, void *out, unsigned long capacity, unsigned long *produced) {
  *produced = 0;
  size_t got = ZSTD_decompress(out, capacity, in, size);
  if (!ZSTD_isError(got)) {
    *produced = got;
    return ATOLL_UNPACKED;
  }
  switch (ZSTD_getErrorCode(got)) {
  case ZSTD_error_dstSize_tooSmall: return ATOLL_UNPACK_TOO_LARGE;
  case ZSTD_error_srcSize_wrong: return ATOLL_UNPACK_TRUNCATED;
  case ZSTD_error_memory_allocation: return ATOLL_UNPACK_NO_MEMORY;
  default: return ATOLL_UNPACK_DAMAGED;
  }
}

static int inflate_all(z_stream *stream, unsigned long size, unsigned long capacity) {
  for (;;) {
    // avail_in and avail_out are 32 bits wide: feed what is left in pieces.
    unsigned long in_left = size - stream->total_in, out_left = capacity - stream->total_out;
    stream->avail_in = in_left > UINT_MAX ? UINT_MAX : (uInt)in_left;
    stream->avail_out = out_left > UINT_MAX ? UINT_MAX : (uInt)out_left;
    int result = inflate(stream, Z_NO_FLUSH);
    if (result == Z_STREAM_END) return ATOLL_UNPACKED;
    if (result == Z_MEM_ERROR) return ATOLL_UNPACK_NO_MEMORY;
    if (result != Z_OK && result != Z_BUF_ERROR) return ATOLL_UNPACK_DAMAGED;
    if (stream->total_out == capacity) return ATOLL_UNPACK_TOO_LARGE;
    if (stream->total_in == size) return ATOLL_UNPACK_TRUNCATED;
    if (result == Z_BUF_ERROR) return ATOLL_UNPACK_DAMAGED;
  }
}

int atoll_unpack_gzip(const void *in, unsigned long size, void *out, unsigned long capacity, unsigned long *produced) {
  z_stream stream = {0};
  *produced = 0;
  stream.next_in = (Bytef *)in;
  stream.next_out = out;
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return ATOLL_UNPACK_NO_MEMORY;
  int result = inflate_all(&stream, size, capacity);
  *produced = stream.total_out;
  inflateEnd(&stream);
  return result;
}

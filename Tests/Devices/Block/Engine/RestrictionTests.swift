import CRingProbe
import CURing
import Foundation
import System
import Testing

@Suite("The disk's io_uring is restricted")
struct RestrictionTests {
  private static let refused: Int32 = -13  // EACCES

  private func withRing(_ body: (UnsafeMutableRawPointer) -> Void) throws {
    let folder = try Folder()
    let file = try FileDescriptor.open(try folder.file(pattern(4096)), flags: O_RDWR)
    var error: Int32 = 0
    // A host without io_uring has nothing to restrict.
    guard let ring = atoll_uring_create(8, file.raw, &error) else { return }
    defer { atoll_uring_free(ring) }
    body(ring)
  }

  @Test("it reads, writes and syncs the disk")
  func allowed() throws {
    try withRing { ring in
      #expect(atoll_ring_try(ring, Int32(ATOLL_RING_READ), 1, 0) == 512)
      #expect(atoll_ring_try(ring, Int32(ATOLL_RING_WRITE), 1, 0) == 512)
      #expect(atoll_ring_try(ring, Int32(ATOLL_RING_SYNC), 1, 0) == 0)
    }
  }

  @Test(
    "it does nothing else",
    arguments: [ATOLL_RING_OPEN, ATOLL_RING_CONNECT, ATOLL_RING_SPLICE, ATOLL_RING_NOTHING].map { Int32($0) })
  func otherOperations(operation: Int32) throws {
    try withRing { ring in
      #expect(atoll_ring_try(ring, operation, 1, 0) == Self.refused)
      #expect(atoll_ring_try(ring, operation, 0, 0) == Self.refused)
    }
  }

  @Test("it takes no descriptor of the process, no chain of requests and no other file")
  func otherFiles() throws {
    try withRing { ring in
      #expect(atoll_ring_try(ring, Int32(ATOLL_RING_READ), 0, 0) == Self.refused)
      #expect(atoll_ring_try(ring, Int32(ATOLL_RING_READ), 1, 1) == Self.refused)
      #expect(atoll_ring_try_register(ring, 0) == Self.refused)
    }
  }
}

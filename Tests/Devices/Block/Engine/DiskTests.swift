import BlockEngine
import BlockModel
import Foundation
import System
import Testing

@Suite("Opening a disk")
struct DiskTests {
  private func failure(_ body: () throws -> Void) -> String? {
    do { try body() } catch let error as DiskError { return error.sentence } catch { return "\(error)" }
    return nil
  }

  @Test("a disk that is open for writing is nobody else's, until it is closed")
  func lockAlone() throws {
    let folder = try Folder()
    let path = try folder.file(pattern(4096))

    do {
      let first = try Disk.open(path, readOnly: false)
      #expect(first.geometry.limits.capacity == 8)
      #expect(
        failure { _ = try Disk.open(path, readOnly: false, patience: 0) }?.contains("another program uses the disk")
          == true)
      #expect(
        failure { _ = try Disk.open(path, readOnly: true, patience: 0) }?.contains("another program uses the disk")
          == true)
    }

    #expect(failure { _ = try Disk.open(path, readOnly: false) } == nil)
  }

  @Test("readers share a disk, and keep writers away")
  func lockShared() throws {
    let folder = try Folder()
    let path = try folder.file(pattern(4096))

    let first = try Disk.open(path, readOnly: true)
    let second = try Disk.open(path, readOnly: true)

    #expect(first.geometry.limits.readOnly && second.geometry.limits.readOnly)
    #expect(failure { _ = try Disk.open(path, readOnly: false, patience: 0) }?.contains("another program") == true)
  }

  @Test("a duplicate descriptor has the lock already: a restart does not meet its own")
  func lockDuplicate() throws {
    let folder = try Folder()
    let file = try FileDescriptor.open(try folder.file(pattern(4096)), flags: 2)

    let first = try Disk(owning: try file.duplicate(), readOnly: false)

    #expect(failure { _ = try Disk(owning: try file.duplicate(), readOnly: false) } == nil)
    #expect(first.cutOff == 0)
  }

  @Test("what is no disk is refused in a sentence")
  func unfit() throws {
    let folder = try Folder()
    let short = try folder.file(pattern(511), "short")
    let readOnly = try FileDescriptor.open(try folder.file(pattern(512), "disk"), flags: 0)

    #expect(
      failure { _ = try Disk.open("\(folder.path)/none", readOnly: false) }
        == "cannot open \(folder.path)/none: no such file")
    #expect(failure { _ = try Disk.open(folder.path, readOnly: true) }?.contains("neither a regular file") == true)
    #expect(failure { _ = try Disk.open("/dev/null", readOnly: false) }?.contains("neither a regular file") == true)
    mkfifo("\(folder.path)/fifo", 0o600)
    #expect(
      failure { _ = try Disk.open("\(folder.path)/fifo", readOnly: true) }?.contains("neither a regular file") == true)
    #expect(failure { _ = try Disk.open(short, readOnly: false) }?.contains("smaller than one sector") == true)
    #expect(
      failure { _ = try Disk(owning: try readOnly.duplicate(), readOnly: false) }?.contains("--read-only") == true)
  }

  @Test("an inherited descriptor keeps O_DIRECT and loses O_NONBLOCK", .enabled(if: DiskSetting.hasDirect))
  func inheritedFlags() throws {
    let folder = try Folder()
    // 0o40000: O_DIRECT, which Swift does not see.
    let file = try FileDescriptor.open(try folder.file(pattern(1 << 16)), flags: O_RDWR | O_NONBLOCK | 0o40000)

    let disk = try Disk(owning: try file.duplicate(), readOnly: false)

    let isDirect = disk.isDirect
    #expect(isDirect)
    #expect(fcntl(file.raw, F_GETFL) & O_NONBLOCK == 0)
  }

  @Test("bytes behind the last whole sector are not the guest's")
  func cutOff() throws {
    let folder = try Folder()

    let disk = try Disk.open(try folder.file(pattern(1300)), readOnly: false)

    #expect(disk.geometry.limits.capacity == 2)
    #expect(disk.cutOff == 276)
  }
}

import CSystem
import Foundation
import InteropSupport
import Testing

/// Our back-ends with QEMU as front-end and Linux as driver.
@Suite("our back-ends under QEMU", .enabled(if: ForeignPrograms.root != nil, ForeignPrograms.comment), .serialized)
struct QEMUFrontEndTests {
  /// Bytes of the disk, whose first ones are a text.
  private static let diskSize = 32 << 20

  private static func disk(_ folder: Folder) throws -> String {
    var data = Data(count: diskSize)
    data.replaceSubrange(0..<10, with: Data("HELLO-DISK".utf8))
    try data.write(to: URL(fileURLWithPath: "\(folder.path)/image"))
    return "\(folder.path)/image"
  }

  private static func socket(_ id: String, _ backEnd: OurBackEnd, _ more: String = "") -> [String] {
    ["-chardev", "socket,id=\(id),path=\(backEnd.path)\(more)"]
  }

  @Test("all five at once, split rings; the disk's process is killed again and again while the guest writes and reads")
  func split() throws { try live(packed: false) }

  @Test("all five at once, packed rings on the disk")
  func packed() throws { try live(packed: true) }

  private func live(packed: Bool) throws {
    let folder = try Folder()
    let image = try QEMUFrontEndTests.disk(folder)
    let rng = try OurBackEnd("atoll-rng", in: folder)
    let block = try OurBackEnd("atoll-block", ["--blk-file=\(image)", "--num-queues=2"], in: folder)
    let net = try OurBackEnd("atoll-net", ["--user"], in: folder)
    let vsock = try OurBackEnd("atoll-vsock", ["--guest-cid=5", "--uds-path=\(folder.path)/guest"], in: folder)
    let console = try OurBackEnd("atoll-console", ["--unix-path=\(folder.path)/hvc"], in: folder)
    var devices = QEMUFrontEndTests.socket("rng", rng) + ["-device", "vhost-user-rng-pci,chardev=rng"]
    devices +=
      QEMUFrontEndTests.socket("disk", block, ",reconnect-ms=50")
      + ["-device", "vhost-user-blk-pci,chardev=disk,num-queues=2,packed=\(packed ? "on" : "off")"]
    devices +=
      QEMUFrontEndTests.socket("net", net)
      + ["-netdev", "vhost-user,id=net,chardev=net", "-device", "virtio-net-pci,netdev=net,mac=52:54:00:12:34:56"]
    devices += QEMUFrontEndTests.socket("vsock", vsock) + ["-device", "vhost-user-vsock-pci,chardev=vsock"]
    devices +=
      QEMUFrontEndTests.socket("console", console)
      + ["-device", "vhost-user-test-device-pci,chardev=console,virtio-id=3,num_vqs=2,config_size=12"]
    let guest = try QEMUGuest(devices)
    try guest.boot()
    #expect(try guest.run("cat /sys/class/misc/hw_random/rng_current").contains("virtio_rng"))
    #expect(try guest.run("dd if=/dev/hwrng bs=512 count=8 2>/dev/null | wc -c").contains("4096"))
    #expect(try guest.run("head -c 10 /dev/vda").contains("HELLO-DISK"))
    #expect(try guest.run("ip link set eth0 up; udhcpc -i eth0 -n -q").contains("lease of 10.0.2.15 obtained"))
    try connections(guest)
    try sockets(guest, folder)
    try terminal(guest, "\(folder.path)/hvc")
    try kills(guest, block, image)
    #expect(guest.powerOff() == 0)
    #expect([rng, block, net, vsock, console].allSatisfy { $0.isRunning }, "they wait for the next front-end")
  }

  /// The host's loopback is behind slirp's gateway: more than fits its buffers, both ways.
  private func connections(_ guest: QEMUGuest) throws {
    let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let server = try HostServer(content: content)
    let sum = try guest.run(
      "head -c 200000 /dev/zero | nc 10.0.2.2 \(server.port) | md5sum", meanwhile: server.serve)
    #expect(sum.contains(try QEMUFrontEndTests.md5(Data(content))))
    #expect(server.received.first?.count == 200_000)
  }

  /// A connection of the guest's to a Unix socket, and one of the host's to the guest.
  private func sockets(_ guest: QEMUGuest, _ folder: Folder) throws {
    let server = try HostServer(path: "\(folder.path)/guest_4000", content: Array("of the host\n".utf8))
    _ = try guest.run(VsockProgram.commands(.connects, port: 4000, at: "/tmp/connect"))
    _ = try guest.run(VsockProgram.commands(.accepts, port: 5000, at: "/tmp/accept"))
    let line = "/tmp/connect /bin/sh -c 'echo of the guest; read line; echo heard: $line >&2'"
    #expect(try guest.run(line, meanwhile: server.serve).contains("heard: of the host"))
    #expect(server.received.first.map { String(decoding: $0, as: UTF8.self) } == "of the guest\n")

    guest.type("/tmp/accept /bin/sh -c 'read line; echo heard: $line'")
    let client = try #require(try HostLine.connected(to: "\(folder.path)/guest", asking: "CONNECT 5000", for: "OK "))
    client.write("of the host")
    #expect(try client.read() == "heard: of the host")
    _ = try guest.answer()
  }

  /// Lines both ways over the virtio console.
  private func terminal(_ guest: QEMUGuest, _ path: String) throws {
    let line = try HostLine(path)
    _ = try guest.run("stty -echo </dev/hvc0; echo of the guest >/dev/hvc0")
    #expect(try line.read() == "of the guest")
    guest.type("read line </dev/hvc0; echo heard: $line")
    line.write("of the host")
    #expect(try guest.answer().contains("heard: of the host"))
  }

  /// What the guest wrote and read while the process behind its disk died is what is on the disk.
  private func kills(_ guest: QEMUGuest, _ block: OurBackEnd, _ image: String) throws {
    _ = try guest.run("dd if=/dev/urandom of=/tmp/data bs=1M count=8 2>/dev/null; ls -l /tmp/data")
    for round in 0..<6 {
      guest.type(
        "for i in 1 2 3 4; do dd if=/tmp/data of=/dev/vda bs=64k seek=16 conv=fsync 2>/dev/null; "
          + "dd if=/dev/vda bs=64k skip=16 count=128 iflag=direct 2>/dev/null | cmp - /tmp/data || echo differs; done")
      // Nothing tells when the guest is in the middle of it; over the rounds the kills fall into all of it.
      usleep(UInt32(200_000 + 150_000 * round))
      try block.replace()
      #expect(try !guest.answer().contains("\ndiffers"))
    }
    let sum = try guest.run("cat /tmp/data | md5sum")
    let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: image))
    try handle.seek(toOffset: 1 << 20)
    let written = try #require(try handle.read(upToCount: 8 << 20))
    #expect(sum.contains(try QEMUFrontEndTests.md5(written)))
  }

  private static func md5(_ data: Data) throws -> String {
    let path = NSTemporaryDirectory() + "atoll-interop-sum-\(UUID().uuidString)"
    try data.write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try md5(path)
  }

  private static func md5(_ path: String) throws -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/md5sum")
    process.arguments = [path]
    process.standardOutput = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return String(text.prefix(32))
  }
}

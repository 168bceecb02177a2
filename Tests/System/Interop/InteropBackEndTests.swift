import Foundation
import InteropSupport
import Testing

/// `atoll run` with vhost-user back-ends that others have written: Debian's kernel uses them, and goes on when they are killed.
@Suite("guests with foreign back-ends", .serialized, .enabled(if: Interop.root != nil, Interop.comment))
struct InteropBackEndTests {
  @Test("qemu-storage-daemon: a disk that is read and written keeps every byte over kills")
  func disk() throws {
    try Interop.require("usr/bin/qemu-storage-daemon")
    let folder = try OpenFolder()
    let image = try folder.file("disk", OpenFolder.noise(megabytes: 16))
    let sum = try folder.md5("disk")
    let machine = try Machine.run(["--vhost-user-block", "path=\(image)"])

    // One request at a time: the daemon keeps no log of what is in flight. Killed with several, some of which it has done out
    // of their order, it would leave no trace of which.
    let read = try machine.run(
      "for i in 1 2 3; do dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | md5sum; done", killing: "block0", kills: 2)
    for text in read { #expect(text.components(separatedBy: sum).count == 1 + 3, "\(text)") }

    let write = """
      dd if=/dev/urandom of=/tmp/new bs=1M count=12; md5sum /tmp/new
      for i in 1 2 3; do dd if=/tmp/new of=/dev/vda bs=64k oflag=direct; done
      dd if=/dev/vda bs=64k count=192 iflag=direct | md5sum
      """.replacing("\n", with: "; ")
    let written = try machine.run(write, killing: "block0", kills: 2).last ?? ""
    try requests(machine)
    try machine.powerOff()
    let there = try OpenFolder.md5(Data(contentsOf: URL(fileURLWithPath: image)).prefix(12 << 20))
    #expect(written.components(separatedBy: there).count == 1 + 2, "\(written)")
  }

  /// Many requests at a time, while the daemon is replaced as `atoll restart` does it, and with the PCIe host.
  private func requests(_ machine: Machine) throws {
    let many = """
      echo 3 >/proc/sys/vm/drop_caches; md5sum </dev/vda
      for i in $(seq 0 15); do dd if=/dev/vda bs=64k skip=$((i*16)) count=16 2>/dev/null >/tmp/$i & done; wait
      cd /tmp; cat 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 | md5sum
      """.replacing("\n", with: "; ")
    for name in ["block0", "pcie", "block0", "pcie"] {
      var restarts = 0
      let text = try machine.run(many) {
        guard restarts < 2 else { return }
        restarts += 1
        guard case .done = try machine.ask(.restart(name: name)) else {
          Issue.record("\(name) was not restarted")
          return
        }
      }
      let sums = text.components(separatedBy: "\r\n").filter { $0.hasSuffix("  -") }
      #expect(sums.count == 2 && sums.first == sums.last, "\(text)")
    }
  }

  @Test("virtiofsd: files go both ways; after a kill the directory can be mounted again")
  func directory() throws {
    try Interop.require("usr/libexec/virtiofsd")
    let folder = try OpenFolder()
    _ = try folder.file("big", OpenFolder.noise(megabytes: 8))
    let sum = try folder.md5("big")
    let machine = try Machine.run(["--vhost-user-fs", "tag=shared,dir=\(folder.path)"])

    let first = try machine.run("mkdir /s; mount -t virtiofs shared /s; md5sum /s/big; cp /s/big /s/copy; sync")
    #expect(first.contains(sum))
    #expect(try folder.md5("copy") == sum)

    // virtiofsd does not know the file handles of the one before it: what is open fails, and does not hang.
    _ = try machine.run(
      "for i in $(seq 10); do echo 3 >/proc/sys/vm/drop_caches; cat /s/big >/dev/null 2>&1; done", killing: "fs0")
    let again = try machine.run(
      "umount /s; mount -t virtiofs shared /s; md5sum /s/big; mv /s/copy /s/moved; echo of the guest >/s/small; sync")
    #expect(again.contains(sum))
    #expect(try folder.md5("moved") == sum)
    #expect(try String(contentsOfFile: "\(folder.path)/small", encoding: .utf8) == "of the guest\n")
    try machine.powerOff()
  }

  @Test("passt: an address, connections to the host and from it, the same again after a kill")
  func network() throws {
    try Interop.require("usr/bin/passt")
    let content = OpenFolder.noise(megabytes: 4)
    let sum = try OpenFolder.md5(Data(content))
    let server = try HostServer(content: content)
    let forwarded = try HostServer.freePort()
    let machine = try Machine.run(["--vhost-user-net", "mac=52:54:00:9a:bc:de,forward=tcp:\(forwarded):7"])

    let lease = try machine.run("ifconfig eth0 up; udhcpc -i eth0 -n -q -t 5; cat /sys/class/net/eth0/address")
    #expect(lease.contains("lease of ") && lease.contains("52:54:00:9a:bc:de"))
    // The host's loopback is the guest's gateway.
    _ = try machine.run("gateway=$(ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p')")
    let fetch = "nc $gateway \(server.port) </dev/null"
    try fromGuest(machine, server, fetch, sum)
    try fromHost(machine, forwarded)

    // A connection that passt had does not survive it; those after it find its successor.
    _ = try machine.run(
      "for i in 1 2 3; do timeout 3 \(fetch) >/dev/null; done", killing: "net0", meanwhile: server.serve)
    try fromGuest(machine, server, fetch, sum)
    try fromHost(machine, forwarded)
    try machine.powerOff()
  }

  /// The guest connects to the host, and gets what it has to send.
  private func fromGuest(_ machine: Machine, _ server: HostServer, _ fetch: String, _ sum: String) throws {
    let text = try machine.run("\(fetch) | md5sum", meanwhile: server.serve)
    #expect(text.contains(sum), "\(text)")
  }

  /// The host connects to the port that is forwarded, and the guest gets what it sends.
  private func fromHost(_ machine: Machine, _ port: UInt16) throws {
    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(client) }
    var address = HostServer.loopback(port)
    _ = try machine.run("nc -l -p 7 </dev/null >/tmp/heard & until netstat -ltn | grep -q ':7 '; do :; done")
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    #expect(connected == 0 && write(client, "of the host\n", 12) == 12)
    shutdown(client, Int32(SHUT_WR))
    #expect(try machine.run("wait; cat /tmp/heard").contains("of the host"))
  }

  @Test("vhost-device-vsock: connections both ways, the same again after a kill")
  func sockets() throws {
    try Interop.require("usr/bin/vhost-device-vsock")
    let folder = try OpenFolder()
    let server = try HostServer(path: "\(folder.path)/vsock_4000", content: Array("of the host\n".utf8))
    let machine = try Machine.run(["--vhost-user-vsock", "cid=7,path=\(folder.path)/vsock"])
    _ = try machine.run(VsockProgram.commands(.connects, port: 4000, at: "/tmp/connect"))
    _ = try machine.run(VsockProgram.commands(.accepts, port: 5000, at: "/tmp/accept"))

    try connections(machine, server, folder)
    // The guest's end of a connection that was open learns of it when it sends.
    _ = try machine.run(
      "/tmp/connect /bin/cat /dev/zero & sleep 2; kill $!; wait", killing: "vsock0", meanwhile: server.serve)
    try connections(machine, server, folder)
    try machine.powerOff()
  }

  /// One connection of the guest's, one of the host's, bytes both ways on both.
  private func connections(_ machine: Machine, _ server: HostServer, _ folder: OpenFolder) throws {
    let line = "/tmp/connect /bin/sh -c 'echo of the guest; read line; echo heard: $line >&2'"
    #expect(try machine.run(line, meanwhile: server.serve).contains("heard: of the host"))
    try machine.wait(10) {
      server.serve()
      return server.received.last.map { String(decoding: $0, as: UTF8.self) } == "of the guest\n"
    }

    _ = try machine.run("/tmp/accept /bin/sh -c 'read line; echo heard: $line' & true")
    let client = try #require(try HostLine.connected(to: "\(folder.path)/vsock", asking: "CONNECT 5000", for: "OK "))
    client.write("of the host")
    #expect(try client.read() == "heard: of the host")
    _ = try machine.run("wait")
  }
}

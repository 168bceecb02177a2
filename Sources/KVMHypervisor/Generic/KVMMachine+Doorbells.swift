import Hypervisor
import System

/// A store of the guest's that signals an eventfd.
struct KVMDoorbell {
  var eventfd: Int32
  var address: UInt64
  var length: UInt32
  var match: UInt64?

  /// Whether one of the two begins inside the other, or right behind it with any length. The kernel takes both, but its table
  /// is then out of order (virt/kvm/kvm_main.c, kvm_io_bus_cmp): a binary search misses one of them, and stores come out.
  func confuses(_ other: KVMDoorbell) -> Bool {
    guard address != other.address else { return false }
    let (low, high) = address < other.address ? (self, other) : (other, self)
    let (distance, length) = (high.address - low.address, UInt64(low.length))
    return distance < length || distance == length && high.length == 0
  }
}

extension KVMMachine {
  /// From now on a guest's store of `length` bytes (0: any length; else 1, 2, 4 or 8) to `address`, of `match` if given,
  /// signals `eventfd` and does not leave KVM_RUN. Throws `badBinding` if there is one for such a store already or one that
  /// the kernel cannot tell from it, `noRoom` if there are a thousand.
  public func bindDoorbell(
    _ eventfd: Int32, address: UInt64, length: UInt32, match: UInt64?
  ) throws(HypervisorError) {
    // The kernel itself has no limit but that of descriptors (virt/kvm/kvm_main.c, kvm_io_bus_register_dev), and copies its
    // whole table for each.
    guard doorbells.count < 1000 else { throw .noRoom }
    let doorbell = KVMDoorbell(eventfd: eventfd, address: address, length: length, match: match)
    for other in doorbells where doorbell.confuses(other) { throw .badBinding(address) }
    let result = attempt(doorbell, flags: 0)
    switch result {
    case 0...: doorbells.append(doorbell)
    case -Int(Errno.exists), -Int(Errno.invalid): throw .badBinding(address)
    case -Int(Errno.noSpace): throw .noRoom
    default: throw .system(SystemError(KVMRequest.ioeventfd.name, Int32(truncatingIfNeeded: 0 - result)))
    }
  }

  /// Ends every doorbell that `eventfd` has at `address`: after the return no store signals.
  public func unbindDoorbell(_ eventfd: Int32, address: UInt64) {
    var kept: [KVMDoorbell] = []
    for doorbell in doorbells {
      if doorbell.eventfd == eventfd, doorbell.address == address {
        // The kernel finds it by all that it was made with.
        _ = attempt(doorbell, flags: KVMIOEventFD.deassign)
      } else {
        kept.append(doorbell)
      }
    }
    doorbells = kept
  }

  private func attempt(_ doorbell: KVMDoorbell, flags: UInt32) -> Int {
    var request = KVMIOEventFD(
      match: doorbell.match ?? 0, address: doorbell.address, length: doorbell.length, eventfd: doorbell.eventfd,
      flags: flags | (doorbell.match == nil ? 0 : KVMIOEventFD.datamatch))
    return calls.attempt(descriptor, .ioeventfd, &request)
  }
}

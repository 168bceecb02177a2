import DeviceBus
import Hypervisor
import System

/// What one incarnation of a device has bound, and the socket on which it asks for it (Protocols/DeviceBus, 7). Belongs to
/// the control thread; vCPUs see only what the hypervisor made of it.
///
/// The device is hostile. It can bind an address inside its own regions and a vector of its own, 160 of each, and nothing
/// else; asking costs it an answer that it must take before its next request is read.
final class BackChannel {
  private final class Doorbell {
    let eventfd: FileDescriptor
    let address: UInt64
    init(_ eventfd: consuming FileDescriptor, _ address: UInt64) {
      self.eventfd = eventfd
      self.address = address
    }
  }

  private final class Vector {
    let eventfd: FileDescriptor
    let number: UInt32
    init(_ eventfd: consuming FileDescriptor, _ number: UInt32) {
      self.eventfd = eventfd
      self.number = number
    }
  }

  private let channel: Channel
  private let windows: [RegionWindow]
  private let vectors: Range<UInt32>
  private var doorbells = [Doorbell?](repeating: nil, count: BusLimits.bindings)
  private var messages = [Vector?](repeating: nil, count: BusLimits.bindings)
  /// An answer for which the socket had no room: nothing is read until it is gone.
  private var unsent: Bound?
  private var ended = false

  /// Nothing bound. `windows` and `vectors` are what the machine description gives the device.
  init(_ channel: consuming Channel, windows: [RegionWindow], vectors: Range<UInt32>) {
    self.channel = channel
    self.windows = windows
    self.vectors = vectors
  }

  /// What the control thread polls; descriptor -1, which poll(2) passes over, once the conversation is over.
  var interest: (descriptor: Int32, events: Int16) {
    (ended ? -1 : channel.raw, unsent == nil ? Poll.input : Poll.output)
  }

  /// Takes one request and answers it, or sends the answer that had to wait; true if a request was carried out or refused.
  /// An error ends the conversation, `closed` if the device did so; what is bound stays until `unbindAll`.
  func serve<H: Hypervisor>(_ hypervisor: H) throws(ChannelError) -> Bool {
    guard !ended else { return false }
    do throws(ChannelError) {
      if let answer = unsent {
        try send(answer)
        return false
      }
      guard var message = try channel.receive(wait: false) else { return false }
      try send(try answer(&message, hypervisor))
      return true
    } catch {
      ended = true
      throw error
    }
  }

  /// Ends every binding: after the return no vCPU signals, and nothing injects for, this incarnation.
  func unbindAll<H: Hypervisor>(_ hypervisor: H) {
    ended = true
    for id in 0..<BusLimits.bindings {
      unbindDoorbell(id, hypervisor)
      unbindMessage(id, hypervisor)
    }
  }

  private func send(_ answer: Bound) throws(ChannelError) {
    unsent = answer
    do throws(SystemError) {
      try channel.send(answer, wait: false)
      unsent = nil
    } catch {
      if error.number == Errno.again { return }
      throw error.number == Errno.pipe ? .closed : .system(error)
    }
  }

  // MARK: requests

  private func answer<H: Hypervisor>(_ message: inout Incoming, _ hypervisor: H) throws(ChannelError) -> Bound {
    do throws(MessageError) {
      guard !message.filterAttached else { throw .unknownFlags(MessageHeader.filterAttached) }
      return try dispatch(&message, hypervisor)
    } catch {
      throw .malformed(error)
    }
  }

  private func dispatch<H: Hypervisor>(_ message: inout Incoming, _ hypervisor: H) throws(MessageError) -> Bound {
    switch message.request {
    case .bindDoorbell:
      let asked: BindDoorbell = try message.decode()
      return Bound(to: .bindDoorbell, id: asked.id, fault: bind(asked, try message.take(0), hypervisor))
    case .unbindDoorbell:
      let id = try message.decode(UnbindDoorbell.self).id
      unbindDoorbell(Int(id), hypervisor)
      return Bound(to: .unbindDoorbell, id: id)
    case .bindMSI:
      let asked: BindMSI = try message.decode()
      return Bound(to: .bindMSI, id: asked.id, fault: bind(asked, try message.take(0), hypervisor))
    case .unbindMSI:
      let id = try message.decode(UnbindMSI.self).id
      unbindMessage(Int(id), hypervisor)
      return Bound(to: .unbindMSI, id: id)
    default: throw .unexpectedRequest(message.request.rawValue)
    }
  }

  private func bind<H: Hypervisor>(
    _ asked: BindDoorbell, _ eventfd: consuming FileDescriptor, _ hypervisor: H
  ) -> BindFault? {
    unbindDoorbell(Int(asked.id), hypervisor)
    guard isInsideAWindow(asked.address, length: max(1, asked.length)) else { return .outsideItsWindows }
    guard EventCounter.neverBlocks(eventfd) else { return .refused }
    do throws(HypervisorError) {
      try hypervisor.bindDoorbell(eventfd.raw, address: asked.address, length: asked.length, match: nil)
    } catch {
      return Self.fault(of: error)
    }
    doorbells[Int(asked.id)] = Doorbell(eventfd, asked.address)
    return nil
  }

  private func bind<H: Hypervisor>(
    _ asked: BindMSI, _ eventfd: consuming FileDescriptor, _ hypervisor: H
  ) -> BindFault? {
    unbindMessage(Int(asked.id), hypervisor)
    guard vectors.contains(asked.vector) else { return .foreignVector }
    guard EventCounter.neverBlocks(eventfd) else { return .refused }
    do throws(HypervisorError) {
      try hypervisor.bindMSI(eventfd.raw, vector: asked.vector)
    } catch {
      return Self.fault(of: error)
    }
    messages[Int(asked.id)] = Vector(eventfd, asked.vector)
    return nil
  }

  private static func fault(of error: HypervisorError) -> BindFault {
    if case .noRoom = error { return .tableFull }
    return .refused
  }

  private func isInsideAWindow(_ address: UInt64, length: UInt32) -> Bool {
    for window in windows {
      // Wraps to a large number for an address below the window.
      let offset = address &- window.guestAddress
      if offset < UInt64(window.size), UInt64(window.size) - offset >= UInt64(length) { return true }
    }
    return false
  }

  private func unbindDoorbell<H: Hypervisor>(_ id: Int, _ hypervisor: H) {
    guard let bound = doorbells[id] else { return }
    hypervisor.unbindDoorbell(bound.eventfd.raw, address: bound.address)
    doorbells[id] = nil
  }

  private func unbindMessage<H: Hypervisor>(_ id: Int, _ hypervisor: H) {
    guard let bound = messages[id] else { return }
    hypervisor.unbindMSI(bound.eventfd.raw, vector: bound.number)
    messages[id] = nil
  }
}

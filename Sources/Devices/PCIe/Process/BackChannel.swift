import DeviceBus
import DeviceProcess
import System

/// What is asked of the VMM, with the eventfd that it is about.
enum BindingRequest: Equatable {
  case bindDoorbell(id: Int, address: UInt64, descriptor: Int32)
  case unbindDoorbell(id: Int)
  case bindMessage(id: Int, vector: UInt32, descriptor: Int32)
  case unbindMessage(id: Int)
}

/// The device's end of the socket to the VMM. Requests are carried out before `perform` returns: a vector that the guest has
/// masked sends no more when the guest's store is answered.
struct BackChannel: ~Copyable {
  private let channel: Channel
  /// Bytes of a doorbell's store: virtio 1.3, 4.1.5.2 has drivers write 16 bits. Another store comes through the access ring.
  static let doorbellLength: UInt32 = 2
  /// Requests sent before their answers are read: both directions fit into the socket.
  private static let batch = 16

  init(_ channel: consuming Channel) { self.channel = channel }

  /// Carries `requests` out, in order. Returns why not for each that the VMM refused.
  borrowing func perform(_ requests: [BindingRequest]) throws(DeviceFailure) -> [BindFault?] {
    var faults: [BindFault?] = []
    var start = 0
    while start < requests.count {
      let end = min(start + Self.batch, requests.count)
      for request in requests[start..<end] { try send(request) }
      for _ in start..<end { faults.append(try answer()) }
      start = end
    }
    return faults
  }

  private borrowing func send(_ request: BindingRequest) throws(DeviceFailure) {
    do throws(SystemError) {
      switch request {
      case .bindDoorbell(let id, let address, let descriptor):
        let message = BindDoorbell(id: UInt32(id), address: address, length: Self.doorbellLength)
        try channel.send(message, descriptors: [descriptor])
      case .unbindDoorbell(let id): try channel.send(UnbindDoorbell(id: UInt32(id)))
      case .bindMessage(let id, let vector, let descriptor):
        try channel.send(BindMSI(id: UInt32(id), vector: vector), descriptors: [descriptor])
      case .unbindMessage(let id): try channel.send(UnbindMSI(id: UInt32(id)))
      }
    } catch {
      throw DeviceFailure(error)
    }
  }

  private borrowing func answer() throws(DeviceFailure) -> BindFault? {
    let message: Incoming?
    do throws(ChannelError) { message = try channel.receive() } catch { throw DeviceFailure(error) }
    guard let message else { throw .supervisorGone }
    do throws(MessageError) { return try message.decode(Bound.self).fault } catch { throw .message(error) }
  }
}

import DeviceBus
import DeviceModel
import System

/// What a device process does beside its model, for a device that has more to look after than a ring and a byte stream: the
/// PCIe host with its sockets to back-ends. Its changes of the model are transactions like a guest's accesses.
///
/// Calls come one at a time, from the runner's loop: `begin` once, then the others in any order.
public protocol Attendant: ~Copyable {
  associatedtype Model: DeviceModel

  /// The file with what the device serves; called before `begin`, if there is one.
  mutating func take(content: consuming FileDescriptor) throws(DeviceFailure)
  /// The model is there and restored, nothing is served yet. `backChannel` is the socket to the VMM, if the device has one.
  mutating func begin<P: StoreProbe>(
    _ core: inout DeviceCore<Model, P>, backChannel: consuming Channel?, resumed: Bool
  ) throws(DeviceFailure)
  /// A guest's access was applied and published, and is not answered before this returns.
  mutating func settle<P: StoreProbe>(_ core: inout DeviceCore<Model, P>) throws(DeviceFailure)
  /// A message from the supervisor that is not for every device; false if it is not for this one either.
  mutating func handle<P: StoreProbe>(
    _ message: inout Incoming, _ core: inout DeviceCore<Model, P>
  ) throws(DeviceFailure) -> Bool

  /// Readable when `attend` has work; -1 for never.
  var descriptor: Int32 { get }
  /// Monotonic time at which `attend` has work; nil for never.
  var deadline: Int64? { get }
  /// Called when `descriptor` is readable or `deadline` has come, and now and then. Must not wait for anybody.
  mutating func attend<P: StoreProbe>(_ core: inout DeviceCore<Model, P>) throws(DeviceFailure)
}

// A device that only has something to begin with needs no more than `begin`.
extension Attendant where Self: ~Copyable {
  /// There is none to be taken.
  @inlinable public mutating func take(content: consuming FileDescriptor) throws(DeviceFailure) {
    throw .message(.impossible("this device has no content"))
  }
  @inlinable public mutating func settle<P: StoreProbe>(_ core: inout DeviceCore<Model, P>) throws(DeviceFailure) {}
  @inlinable public mutating func handle<P: StoreProbe>(
    _ message: inout Incoming, _ core: inout DeviceCore<Model, P>
  ) throws(DeviceFailure) -> Bool { false }
  @inlinable public var descriptor: Int32 { -1 }
  @inlinable public var deadline: Int64? { nil }
  @inlinable public mutating func attend<P: StoreProbe>(_ core: inout DeviceCore<Model, P>) throws(DeviceFailure) {}
}

/// A device with nothing to attend to.
public struct NoAttendant<Model: DeviceModel>: Attendant, ~Copyable {
  @inlinable public init() {}
  @inlinable public mutating func begin<P: StoreProbe>(
    _ core: inout DeviceCore<Model, P>, backChannel: consuming Channel?, resumed: Bool
  ) throws(DeviceFailure) {}
}

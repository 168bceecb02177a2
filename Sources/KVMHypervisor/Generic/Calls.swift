import Hypervisor
import System

/// The system calls that KVM is. Between this module and the kernel there is nothing else, so that a model of another kernel
/// can take its place in a test. Every result is what the call returned; a failure is the negative errno.
public protocol KVMCalls: AnyObject, Sendable {
  /// ioctl(2); `argument` is a number, or the address of the request's structure (`UInt(bitPattern:)` of it).
  func control(_ descriptor: Int32, _ request: UInt32, _ argument: UInt) -> Int
  /// Maps the first `size` bytes of a vCPU's descriptor, shared, for reading and writing: its `kvm_run`. Nil: no memory.
  func map(_ descriptor: Int32, size: Int) -> UnsafeMutableRawPointer?
  /// Ends what `map` began.
  func unmap(_ base: UnsafeMutableRawPointer, size: Int)
  /// Closes a descriptor that a request returned.
  func close(_ descriptor: Int32)
  /// Called once by a vCPU's thread, before it runs: lets `interrupt` end its KVM_RUN. Returns the thread's number, or
  /// -errno.
  func prepareThread() -> Int32
  /// Makes a thread's KVM_RUN return -EINTR, or the next one that it enters if `immediate_exit` is set.
  func interrupt(thread: Int32)
  /// Bytes of a page of the host.
  var pageSize: Int { get }
  /// CPUCFG word `word` of the CPU that this runs on; 0 where it is no LoongArch CPU.
  func hostConfiguration(_ word: UInt32) -> UInt32
}

extension KVMCalls {
  public func hostConfiguration(_ word: UInt32) -> UInt32 { 0 }

  /// A request with a number as its argument: what the kernel returned.
  @discardableResult
  public func request(
    _ descriptor: Int32, _ request: KVMRequest, number: UInt = 0
  ) throws(HypervisorError) -> Int {
    try check(request, control(descriptor, request.number, number))
  }

  /// A request with a structure as its argument, which the kernel reads, or fills in.
  @discardableResult
  public func request<T: BitwiseCopyable>(
    _ descriptor: Int32, _ request: KVMRequest, _ structure: inout T
  ) throws(HypervisorError) -> Int {
    try check(request, attempt(descriptor, request, &structure))
  }

  /// The same for a request that may fail without harm: the result as it is, or -errno.
  public func attempt<T: BitwiseCopyable>(_ descriptor: Int32, _ request: KVMRequest, _ structure: inout T) -> Int {
    withUnsafeMutablePointer(to: &structure) { control(descriptor, request.number, UInt(bitPattern: $0)) }
  }

  /// What a request returned, or the error that it is.
  func check(_ request: KVMRequest, _ result: Int) throws(HypervisorError) -> Int {
    guard result < 0 else { return result }
    throw .system(SystemError(request.name, Int32(truncatingIfNeeded: 0 - result)))
  }
}

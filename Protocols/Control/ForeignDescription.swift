/// A vhost-user back-end that is not Atoll's: a program that the supervisor starts in a sandbox, or a socket on which somebody
/// else serves.
public struct ForeignDescription: Sendable {
  /// Where the back-end is.
  public enum BackEnd: Sendable {
    /// Somebody else runs it and listens at this path.
    case socket(String)
    /// The supervisor runs it.
    case program(ForeignProgram)
  }
  /// What it is for the guest.
  public var device: VirtioDevice
  /// Where it is.
  public var backEnd: BackEnd
  /// Virtqueues to offer; 0: as many as the back-end has.
  public var queues = 0
  /// Device configuration for a back-end that keeps none itself; empty if it does.
  public var config: [UInt8] = []

  /// A back-end that says itself how many queues it has and what its configuration is.
  public init(_ device: VirtioDevice, _ backEnd: BackEnd) { (self.device, self.backEnd) = (device, backEnd) }
}

/// How the supervisor starts a foreign back-end.
public struct ForeignProgram: Sendable {
  /// How the program gets the socket to its front-end. In its arguments, {fd} or {socket} stand for it.
  public enum Connection: UInt8, Sendable, CaseIterable {
    /// {fd}: an inherited listening socket.
    case listening = 0
    /// {fd}: an inherited connected socket.
    case connected = 1
    /// {socket}: it listens at this path itself.
    case path = 2

    /// The word in a description.
    public var word: StaticString {
      switch self {
      case .listening: "listening"
      case .connected: "connected"
      case .path: "path"
      }
    }
  }
  /// A file or folder of the host in the program's file system.
  public struct Bind: Sendable {
    /// Path on the host.
    public var path: String
    /// Absolute path for the program.
    public var at: String
    /// Whether it may write there.
    public var writable: Bool

    /// Shows `path` at `at`.
    public init(path: String, at: String, writable: Bool) {
      (self.path, self.at, self.writable) = (path, at, writable)
    }
  }
  /// Path of the program, as it sees itself.
  public var path: String
  /// Its arguments.
  public var arguments: [String] = []
  /// How it gets its socket.
  public var connection = Connection.listening
  /// Folder of the host that has the program and its libraries (usr and what is beside it); nil: the host's own.
  public var root: String?
  /// What else it sees of the host.
  public var binds: [Bind] = []
  /// It is in the host's network, as a network back-end must be.
  public var hostNetwork = false
  /// It makes namespaces of its own, for which it needs system calls that others are denied.
  public var confinesItself = false

  /// A program without arguments.
  public init(path: String) { self.path = path }
}

/// What a package's file "control" says about it (deb-control(5)), and how dpkg's database writes it down.
struct PackageControl: Equatable {
  let name: String
  let version: String
  let architecture: String
  /// Copies for several architectures can be installed side by side.
  let isMultiArchSame: Bool
  private let text: String

  /// Nil if a field that every package must have is missing.
  init?(_ text: String) {
    let fields = PackageControl.fields(text)
    guard let name = fields["package"], let version = fields["version"], let architecture = fields["architecture"],
      !name.isEmpty, name.utf8.allSatisfy({ PackageControl.isNameByte($0) })
    else { return nil }
    (self.name, self.version, self.architecture, self.text) = (name, version, architecture, text)
    isMultiArchSame = fields["multi-arch"] == "same"
  }

  /// Names have lower-case letters, digits, "+", "-" and "." (Debian policy 5.6.1): none leads out of a folder.
  private static func isNameByte(_ byte: UInt8) -> Bool {
    (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || [0x2b, 0x2d, 0x2e].contains(byte)
  }

  private static func fields(_ text: String) -> [String: String] {
    var fields: [String: String] = [:]
    for line in text.split(separator: "\n") where !line.hasPrefix(" ") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      fields[line[..<colon].lowercased()] = String(value)
    }
    return fields
  }

  /// How dpkg names the package where architectures could be mixed up, as in the names of its files.
  var databaseName: String { isMultiArchSame ? "\(name):\(architecture)" : name }

  /// The package's paragraph in dpkg's status file while it is unpacked and not configured: what `dpkg --unpack` leaves.
  func status(conffiles: [String]) -> String {
    var lines = text.split(separator: "\n").map(String.init)
    lines.insert("Status: install ok unpacked", at: 1)
    if !conffiles.isEmpty { lines.append("Conffiles:") }
    for file in conffiles { lines.append(" \(file) newconffile") }
    return lines.joined(separator: "\n") + "\n\n"
  }

  /// The files that a "conffiles" file names, without those that it only says are gone (deb-conffiles(5)).
  static func conffiles(_ text: String) -> [String] {
    text.split(separator: "\n").map(String.init).filter { $0.hasPrefix("/") }
  }
}

/// The triggers in which packages are interested (deb-triggers(5)), as dpkg keeps them in its folder "triggers": those with
/// a path in one file, each other one in a file of its own.
struct TriggerInterests {
  private var byPath: [String] = []
  private var byName: [String: [String]] = [:]

  /// Notes the interests in a package's file "triggers".
  mutating func add(_ text: String, of package: PackageControl) {
    for line in text.split(separator: "\n") {
      let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
      guard words.count == 2, ["interest", "interest-await", "interest-noawait"].contains(words[0]) else { continue }
      let interested = package.databaseName + (words[0] == "interest-noawait" ? "/noawait" : "")
      if words[1].hasPrefix("/") {
        byPath.append("\(words[1]) \(interested)")
      } else if !words[1].contains("/") {
        byName[words[1], default: []].append(interested)
      }
    }
  }

  /// The files with their content.
  var files: [(name: String, content: String)] {
    [("File", byPath.map { $0 + "\n" }.joined())]
      + byName.sorted { $0.key < $1.key }.map { ($0.key, $0.value.map { $0 + "\n" }.joined()) }
  }
}

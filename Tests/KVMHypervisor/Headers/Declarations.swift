import Foundation

/// What the sources declare of the kernel's interface, read from their text: so that nothing can be added there and
/// forgotten here.
struct Declarations {
  /// Requests by the kernel's name, with the number written beside it.
  var requests: [(name: String, number: UInt64)] = []
  /// Constants: "Type.name", or "name" outside of a type.
  var constants: [String] = []
  /// Structures that stand for one of C's, whose name is in their doc comment.
  var structures: [String] = []
  /// Their fields: "Type.name".
  var fields: [String] = []

  /// Of these files of the package, and of all files in these folders.
  init(in places: [String]) throws {
    for place in places {
      let root = Declarations.package.appendingPathComponent(place)
      guard root.pathExtension.isEmpty else {
        read(try String(contentsOf: root, encoding: .utf8))
        continue
      }
      let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
      while let file = files?.nextObject() as? URL {
        guard file.pathExtension == "swift" else { continue }
        read(try String(contentsOf: file, encoding: .utf8))
      }
    }
  }

  /// The package's folder, by this file's place in it.
  private static var package: URL {
    (0..<4).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
  }

  private mutating func read(_ text: String) {
    var type: String?
    var isStructureOfC = false
    var previous = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      defer { previous = line }
      if let match = line.firstMatch(of: /^(?:public |package |final )*(?:enum|struct|class|extension|protocol) (\w+)/)
      {
        type = String(match.1)
        isStructureOfC = previous.hasPrefix("/// struct kvm_") && line.contains("struct ")
        if isStructureOfC { structures.append(String(match.1)) }
      } else if line.hasPrefix("}") {
        type = nil
      } else if let match = line.firstMatch(of: /Self\((0x[0-9a-f_]+), "(KVM_\w+)"\)/) {
        let digits = match.1.dropFirst(2).filter { $0 != "_" }
        requests.append((String(match.2), UInt64(digits, radix: 16) ?? 0))
      } else if let match = line.firstMatch(of: /^  (?:public |package )*static (?:let|var) (\w+)/) {
        constants.append("\(type ?? "?").\(match.1)")
      } else if isStructureOfC, let match = line.firstMatch(of: /^  (?:public |package )*var (\w+)/) {
        fields.append("\(type ?? "?").\(match.1)")
      } else if let match = line.firstMatch(of: /^(?:public |package )*let (\w+)/) {
        constants.append(String(match.1))
      }
    }
  }
}

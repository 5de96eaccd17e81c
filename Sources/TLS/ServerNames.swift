/// Which certificate is for which host name. Names are in lowercase.
struct ServerNames {
  private var exact: [String: Int] = [:]
  /// By what follows the `*`, dot included.
  private var wildcards: [String: Int] = [:]

  /// Names that are there already keep their certificate.
  mutating func add(_ names: [String], certificate: Int) {
    for name in names {
      if name.hasPrefix("*.") {
        let suffix = String(name.dropFirst())
        if wildcards[suffix] == nil { wildcards[suffix] = certificate }
      } else if exact[name] == nil {
        exact[name] = certificate
      }
    }
  }

  /// An exact name before a wildcard, which stands for one label (RFC 6125 §6.4.3).
  func certificate(for name: String) -> Int? {
    let name = name.lowercased()
    if let found = exact[name] { return found }
    guard let dot = name.utf8.firstIndex(of: UInt8(ascii: ".")), dot != name.startIndex else {
      return nil
    }
    return wildcards[String(name[dot...])]
  }
}

internal import CLinux

package enum ProcessEnvironment {
  /// All variables of this process. Of one that is there twice, the first counts, as for getenv.
  package static func variables() -> [String: String] {
    var variables: [String: String] = [:]
    // SAFETY: strings up to a null pointer, which nobody changes: this program sets no variable.
    guard let entries = unsafe sluice_environment() else { return variables }
    var index = 0
    while let entry = unsafe entries[index] {
      index += 1
      let text = unsafe String(cString: entry)
      guard let equals = text.firstIndex(of: "=") else { continue }
      let name = String(text[..<equals])
      if variables[name] == nil { variables[name] = String(text[text.index(after: equals)...]) }
    }
    return variables
  }
}

/// The cookies of a request, in the order in which they were sent (RFC 6265 §4.2, §5.4).
///
/// Servers get what other servers have set, so reading is lenient: a part without `=` or without a
/// name is dropped, and nothing is an error. One pair of double quotes around a value is taken off;
/// percent-encoding is left alone, because not every cookie uses it. More than one Cookie field is
/// read as one.
package struct Cookies: Sendable {
  package let pairs: [(name: String, value: String)]

  package init(_ headers: HeaderFields) {
    var pairs: [(name: String, value: String)] = []
    for line in headers.values("Cookie") {
      for part in line.utf8.split(separator: UInt8(ascii: ";")) {
        guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { continue }
        let name = part[..<equals].trimmingWhitespace
        guard !name.isEmpty else { continue }
        var value = part[equals...].dropFirst().trimmingWhitespace
        if value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") {
          value = value.dropFirst().dropLast()
        }
        pairs.append(
          (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
      }
    }
    self.pairs = pairs
  }

  /// The first value of that name (case-sensitive), or nil. The first is the most specific one
  /// (RFC 6265 §5.4).
  package subscript(_ name: String) -> String? {
    pairs.first { $0.name == name }?.value
  }
}

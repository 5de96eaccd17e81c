/// The name-value pairs of a query or of an `application/x-www-form-urlencoded` body, in order.
package struct QueryParameters: Sendable {
  package let pairs: [(name: String, value: String)]

  /// Splits at `&` and at each part's first `=`, reads `+` as space and decodes percent-encoding.
  ///
  /// A part without `=` has an empty value; empty parts are dropped. Throws 400 for a bad escape,
  /// for bytes that are not UTF-8, and for more than `parametersMax` pairs. nil is no pairs.
  package init(_ query: String?, parametersMax: Int = 64) throws(HTTPError) {
    var pairs: [(name: String, value: String)] = []
    for part in (query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
      guard pairs.count < parametersMax else { throw .badRequest("too many query parameters") }
      let nameEnd = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
      let value = part[nameEnd...].dropFirst()
      pairs.append((try Self.text(part[..<nameEnd]), try Self.text(value)))
    }
    self.pairs = pairs
  }

  /// The first value of that name (case-sensitive), or nil.
  package subscript(_ name: String) -> String? {
    pairs.first { $0.name == name }?.value
  }

  /// All values of that name, in order.
  package func values(_ name: String) -> [String] {
    pairs.filter { $0.name == name }.map(\.value)
  }

  private static func text(_ bytes: Substring.UTF8View) throws(HTTPError) -> String {
    guard let decoded = PercentEncoding.decode(bytes, plusIsSpace: true),
      let text = String(validating: decoded, as: UTF8.self)
    else { throw .badRequest("malformed query parameter") }
    return text
  }
}

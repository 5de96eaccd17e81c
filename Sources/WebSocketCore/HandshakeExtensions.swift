internal import HTTPCore

/// One extension of a `Sec-WebSocket-Extensions` field, offered or accepted (RFC 6455 §9.1).
package struct ExtensionOffer: Equatable, Sendable {
  package struct Parameter: Equatable, Sendable {
    package let name: String
    /// nil for a parameter without `=`. A quoted value has lost its quotes.
    package let value: String?

    package init(name: String, value: String? = nil) {
      self.name = name
      self.value = value
    }
  }

  package let name: String
  /// In order; names may repeat, which is for the extension to judge.
  package let parameters: [Parameter]

  package init(name: String, parameters: [Parameter] = []) {
    self.name = name
    self.parameters = parameters
  }

  /// What does not follow the grammar.
  package struct Malformed: Error {}

  /// Reads all field lines of one message, in order.
  ///
  /// Strict: names and values are tokens, a quoted value is one after unquoting, and there is at
  /// least one extension. Empty list elements are skipped (RFC 9110 §5.6.1.2).
  package static func parse(_ fieldValues: [String]) throws(Malformed) -> [ExtensionOffer] {
    var offers: [ExtensionOffer] = []
    for fieldValue in fieldValues {
      var reader = Reader(rest: Array(fieldValue.utf8)[...])
      repeat {
        if !reader.isAtElementEnd {
          offers.append(try reader.readExtension())
        }
      } while try reader.takeComma()
    }
    guard !offers.isEmpty || fieldValues.isEmpty else { throw Malformed() }
    return offers
  }
}

extension ExtensionOffer: CustomStringConvertible {
  /// As in a field value; values are tokens and need no quotes.
  package var description: String {
    parameters.reduce(name) { text, parameter in
      text + "; \(parameter.name)" + (parameter.value.map { "=\($0)" } ?? "")
    }
  }
}

/// Reads one field value from the left; whitespace is skipped around every part.
private struct Reader {
  var rest: ArraySlice<UInt8>

  /// `token *( ";" token [ "=" ( token | quoted-string ) ] )`
  mutating func readExtension() throws(ExtensionOffer.Malformed) -> ExtensionOffer {
    let name = try readToken()
    var parameters: [ExtensionOffer.Parameter] = []
    while take(UInt8(ascii: ";")) {
      let name = try readToken()
      let value = take(UInt8(ascii: "=")) ? try readValue() : nil
      parameters.append(ExtensionOffer.Parameter(name: name, value: value))
    }
    return ExtensionOffer(name: name, parameters: parameters)
  }

  /// Whether there is nothing before the next comma or the end.
  var isAtElementEnd: Bool {
    mutating get {
      skipWhitespace()
      return rest.isEmpty || rest.first == UInt8(ascii: ",")
    }
  }

  /// Steps over a comma; false at the end. Anything else there is malformed.
  mutating func takeComma() throws(ExtensionOffer.Malformed) -> Bool {
    if take(UInt8(ascii: ",")) { return true }
    guard rest.isEmpty else { throw ExtensionOffer.Malformed() }
    return false
  }

  private mutating func readToken() throws(ExtensionOffer.Malformed) -> String {
    skipWhitespace()
    let token = rest.prefix(while: \.isTokenByte)
    guard !token.isEmpty else { throw ExtensionOffer.Malformed() }
    rest = rest[token.endIndex...]
    skipWhitespace()
    return String(decoding: token, as: UTF8.self)
  }

  private mutating func readValue() throws(ExtensionOffer.Malformed) -> String {
    guard take(UInt8(ascii: "\"")) else { return try readToken() }
    var value: [UInt8] = []
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\"") {
        guard !value.isEmpty else { throw ExtensionOffer.Malformed() }
        skipWhitespace()
        return String(decoding: value, as: UTF8.self)
      }
      guard let unquoted = byte == UInt8(ascii: "\\") ? rest.popFirst() : byte,
        unquoted.isTokenByte
      else { throw ExtensionOffer.Malformed() }
      value.append(unquoted)
    }
    // The closing quote is missing.
    throw ExtensionOffer.Malformed()
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipWhitespace()
    guard rest.first == byte else { return false }
    rest.removeFirst()
    return true
  }

  private mutating func skipWhitespace() {
    rest = rest.drop(while: \.isWhitespace)
  }
}

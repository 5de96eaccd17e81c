/// Finds the address of the client behind trusted proxies, in `Forwarded` (RFC 7239) and
/// `X-Forwarded-For`.
///
/// Each proxy appends the address that it was connected from. So the fields are read from the
/// right, and only as long as who wrote an entry is trusted: the peer wrote the last one, the proxy
/// named there the one before. The first address that is not a trusted proxy's is the client; what
/// is left of it the client could have written itself and means nothing.
///
/// Where an entry says nothing usable (`unknown`, an obfuscated identifier, malformed), where the
/// entries end, or after `hopsMax` of them, the last address found counts. That is then a trusted
/// proxy's: grant nothing for being in a trusted network.
///
/// When both fields are there, both are read, and unless they lead to the same address the peer's
/// own counts. A proxy writes one of them and hands the other on as the client sent it, and which
/// one it wrote cannot be told; where the client can send one and hide behind the proxy's address
/// so, name the right field with `fields`.
package struct ForwardedFor: Sendable {
  /// Which fields are read.
  package enum Fields: Sendable {
    case forwarded, xForwardedFor, either
  }

  /// The addresses of proxies whose entries are believed.
  package let trusted: [IPNetwork]
  /// Whether a peer without an address, on a Unix socket, is such a proxy.
  package let trustsUnixPeers: Bool
  package let fields: Fields
  /// How many entries of a field are looked at, empty ones included.
  package let hopsMax: Int

  /// Traps on a negative `hopsMax`.
  package init(
    trusted: [IPNetwork], trustsUnixPeers: Bool = false, fields: Fields = .either,
    hopsMax: Int = 16
  ) {
    precondition(hopsMax >= 0, "hopsMax out of range")
    self.trusted = trusted
    self.trustsUnixPeers = trustsUnixPeers
    self.fields = fields
    self.hopsMax = hopsMax
  }

  /// The client's address; `peer` is the other end of the connection, nil on a Unix socket.
  ///
  /// It is the peer's when the peer is not trusted, whatever the fields say, and when there are
  /// none. nil when nothing but a Unix socket is known. Nothing is an error: a request may come
  /// with anything.
  package func client(of peer: IPAddress?, _ headers: HeaderFields) -> IPAddress? {
    guard trusts(peer) else { return peer }
    let forwarded = fields == .xForwardedFor ? [] : headers.values("Forwarded")
    let xForwardedFor = fields == .forwarded ? [] : headers.values("X-Forwarded-For")
    let first = walk(from: peer, lines: forwarded, isQuoted: true, address: Self.forwardedAddress)
    let second = walk(
      from: peer, lines: xForwardedFor, isQuoted: false, address: Self.nodeAddress)
    if forwarded.isEmpty { return second }
    if xForwardedFor.isEmpty { return first }
    return first == second ? first : peer
  }

  /// Whether what this peer says of the client is believed.
  package func trusts(_ peer: IPAddress?) -> Bool {
    guard let peer else { return trustsUnixPeers }
    return trusted.contains { $0.contains(peer) }
  }

  private func walk(
    from peer: IPAddress?, lines: [String], isQuoted: Bool,
    address: (ArraySlice<UInt8>) -> IPAddress?
  ) -> IPAddress? {
    var client = peer
    var hops = 0
    for line in lines.reversed() {
      var entries = EntriesFromTheRight(rest: Array(line.utf8)[...], isQuoted: isQuoted)
      while let entry = entries.next() {
        guard hops < hopsMax else { return client }
        hops += 1
        // Empty list elements are to be ignored (RFC 9110 §5.6.1.2).
        if entry.isEmpty { continue }
        guard let hop = address(entry) else { return client }
        client = hop
        guard trusts(hop) else { return client }
      }
    }
    return client
  }
}

/// The elements of a comma-separated list, the last one first, trimmed.
///
/// Quoted strings are recognised from the right too: what stands to the left of an element, an
/// unclosed quote of the client's for instance, must not change how the element is read that a
/// trusted proxy has appended to it. For well-formed lists both directions agree.
private struct EntriesFromTheRight {
  /// nil when there is no more.
  var rest: ArraySlice<UInt8>?
  /// Whether the list has quoted strings (RFC 9110 §5.6.4); else every comma separates.
  let isQuoted: Bool

  init(rest: ArraySlice<UInt8>, isQuoted: Bool) {
    self.rest = rest
    self.isQuoted = isQuoted
  }

  mutating func next() -> ArraySlice<UInt8>? {
    guard let line = rest else { return nil }
    var isWithinQuotes = false
    var index = line.endIndex
    while index > line.startIndex {
      index -= 1
      switch line[index] {
      case .comma where !isWithinQuotes:
        rest = line[..<index]
        return line[(index + 1)...].trimmingWhitespace
      case UInt8(ascii: "\"") where isQuoted:
        let escapes = line[..<index].reversed().prefix { $0 == UInt8(ascii: "\\") }.count
        if escapes % 2 == 0 { isWithinQuotes.toggle() }
      default:
        break
      }
    }
    rest = nil
    return line.trimmingWhitespace
  }
}

// MARK: - Elements

extension ForwardedFor {
  /// The address in an element of `Forwarded`: that of its `for` parameter (RFC 7239 §4).
  ///
  /// nil when the element is malformed, has no `for` or two, or when that is no address. Whitespace
  /// around semicolons is accepted.
  private static func forwardedAddress(_ element: ArraySlice<UInt8>) -> IPAddress? {
    var rest = element
    var node: [UInt8]?
    while true {
      rest = rest.drop(while: \.isWhitespace)
      if rest.first != UInt8(ascii: ";"), !rest.isEmpty {
        let name = rest.prefix(while: \.isTokenByte)
        rest = rest[name.endIndex...]
        guard !name.isEmpty, rest.popFirst() == UInt8(ascii: "="), let value = takeValue(&rest)
        else { return nil }
        if name.equalsIgnoringASCIICase("for".utf8) {
          guard node == nil else { return nil }
          node = value
        }
        rest = rest.drop(while: \.isWhitespace)
      }
      guard let separator = rest.popFirst() else { break }
      guard separator == UInt8(ascii: ";") else { return nil }
    }
    return node.flatMap { forwardedNodeAddress($0[...]) }
  }

  /// A token or a quoted string, which loses its quotes; not empty.
  private static func takeValue(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    guard rest.first == UInt8(ascii: "\"") else {
      let token = rest.prefix(while: \.isTokenByte)
      rest = rest[token.endIndex...]
      return token.isEmpty ? nil : Array(token)
    }
    rest.removeFirst()
    var value: [UInt8] = []
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\"") { return value.isEmpty ? nil : value }
      guard let unquoted = byte == UInt8(ascii: "\\") ? rest.popFirst() : byte else { return nil }
      value.append(unquoted)
    }
    return nil
  }

  /// `nodename [ ":" node-port ]` (RFC 7239 §6): IPv6 in brackets, and a port that may be
  /// obfuscated. nil for `unknown` and obfuscated names.
  private static func forwardedNodeAddress(_ node: ArraySlice<UInt8>) -> IPAddress? {
    guard let (address, port) = splitNode(node) else { return nil }
    guard let port else { return address }
    let isObfuscated =
      port.count >= 2 && port.first == UInt8(ascii: "_")
      && port.allSatisfy {
        $0.isLetter || $0.isDigit || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
          || $0 == UInt8(ascii: "-")
      }
    return isObfuscated || isPort(port) ? address : nil
  }

  /// The address in an element of `X-Forwarded-For`, which has no specification: an address alone,
  /// `192.0.2.1:80`, `[2001:db8::1]` or `[2001:db8::1]:80`.
  private static func nodeAddress(_ node: ArraySlice<UInt8>) -> IPAddress? {
    if let address = IPAddress(parsing: node) { return address }
    guard let (address, port) = splitNode(node) else { return nil }
    return port.map(isPort) ?? true ? address : nil
  }

  /// An IPv4 address or an IPv6 address in brackets, and what follows a colon after it.
  private static func splitNode(
    _ node: ArraySlice<UInt8>
  ) -> (address: IPAddress, port: ArraySlice<UInt8>?)? {
    let isBracketed = node.first == UInt8(ascii: "[")
    let end = isBracketed ? UInt8(ascii: "]") : UInt8(ascii: ":")
    let text = (isBracketed ? node.dropFirst() : node).prefix { $0 != end }
    guard text.contains(UInt8(ascii: ":")) == isBracketed, let address = IPAddress(parsing: text)
    else { return nil }
    var rest = node[text.endIndex...]
    if isBracketed, rest.popFirst() == nil { return nil }
    guard let colon = rest.popFirst() else { return (address, nil) }
    return colon == UInt8(ascii: ":") ? (address, rest) : nil
  }

  private static func isPort(_ text: ArraySlice<UInt8>) -> Bool {
    text.strictDecimal(max: 65_535) != nil
  }
}

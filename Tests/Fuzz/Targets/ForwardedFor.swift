import HTTPCore

// Client addresses: what a client has sent cannot change what its proxy has written. Addresses and
// networks read the same again when written.

private let trusted = ["10.0.0.0/8", "fd00::/8"].compactMap { try? IPNetwork(parsing: $0) }
private let peer = IPAddress(ipv4: 0x0A00_0001)

func fuzz(_ input: inout FuzzInput) {
  let options = input.choice()
  let texts = input.texts(2)
  let name = options & 1 == 0 ? "Forwarded" : "X-Forwarded-For"
  let forwardedFor = ForwardedFor(trusted: trusted, hopsMax: options & 2 == 0 ? 16 : 2)

  var appended = HeaderFields()
  appended.append(name, texts[1])
  let client = forwardedFor.client(of: peer, appended)
  expect(client != nil, "a peer's address is lost")
  expect(forwardedFor.client(of: nil, appended) == nil, "a peer is trusted for nothing")
  let outsider = IPAddress(ipv4: 0xC000_0201)
  expect(forwardedFor.client(of: outsider, appended) == outsider, "an untrusted peer is believed")

  var both = HeaderFields()
  both.append(name, texts[0] + ", " + texts[1])
  let clientOfBoth = forwardedFor.client(of: peer, both)
  if let client, !trusted.contains(where: { $0.contains(client) }) {
    expect(clientOfBoth == client, "the left side counts")
  }
  checkLines(texts[1], forwardedFor)

  var other = both
  other.append(options & 1 == 1 ? "Forwarded" : "X-Forwarded-For", texts[0])
  let agreed = forwardedFor.client(of: peer, other)
  expect(agreed == peer || agreed == clientOfBoth, "neither field says so")

  for text in texts {
    if let address = IPAddress(text) {
      expect(IPAddress(address.description) == address, "\(address)")
      expect(address.description.utf8.count <= 39, "long: \(address)")
      expect(IPNetwork(address).contains(address), "\(address) in itself")
    }
    if let network = try? IPNetwork(parsing: text) {
      expect((try? IPNetwork(parsing: network.description)) == network, "\(network)")
      expect(network.contains(network.base), "\(network) without its base")
    }
  }
}

/// That elements on one line are the elements on a line each, cut from the left there.
private func checkLines(_ line: String, _ forwardedFor: ForwardedFor) {
  var list = HeaderFields()
  list.append("Forwarded", line)
  let elements = list.listElements("Forwarded")
  // Empty elements count as hops.
  guard isWellQuoted(line), line.utf8.count(where: { $0 == 0x2C }) < forwardedFor.hopsMax else {
    return
  }
  var lines = HeaderFields()
  for element in elements {
    // A comma within quotes is any character. Without it there is nothing to cut.
    lines.append("Forwarded", String(element.map { $0 == "," ? "x" : $0 }))
  }
  let clientOfLines = forwardedFor.client(of: peer, lines)
  expect(forwardedFor.client(of: peer, list) == clientOfLines, "on \(elements.count) lines")
}

/// Whether all quoted strings are closed, and no backslash stands outside of them.
private func isWellQuoted(_ text: String) -> Bool {
  var isWithinQuotes = false
  var isEscaped = false
  for byte in text.utf8 {
    if isEscaped {
      isEscaped = false
    } else if byte == UInt8(ascii: "\\") {
      guard isWithinQuotes else { return false }
      isEscaped = true
    } else if byte == UInt8(ascii: "\"") {
      isWithinQuotes.toggle()
    }
  }
  return !isWithinQuotes && !isEscaped
}

import HTTPCore
import Testing

private func feed(
  _ pieces: [ArraySlice<UInt8>], _ bytesMax: Int
) -> (consumed: Int, result: Result<ProxyHeader?, ProxyHeaderError>) {
  var parser = ProxyHeaderParser(bytesMax: bytesMax)
  var total = 0
  for piece in pieces {
    do throws(ProxyHeaderError) {
      let (consumed, header) = try parser.parse(piece.span)
      total += consumed
      if let header { return (total, .success(header)) }
    } catch {
      return (total, .failure(error))
    }
  }
  return (total, .success(nil))
}

/// The outcome, the same for every cut; with a header, nothing after it is taken.
private func outcome(
  _ bytes: [UInt8], bytesMax: Int = ProxyHeaderParser.defaultBytesMax
) -> Result<ProxyHeader?, ProxyHeaderError> {
  let whole = feed([bytes[...]], bytesMax)
  for pieces in cuts(of: bytes) {
    let other = feed(pieces, bytesMax)
    #expect(other.result == whole.result)
    if case .success = whole.result { #expect(other.consumed == whole.consumed) }
  }
  if case .success(.some) = whole.result {
    let followed = feed([bytes[...] + Array("next".utf8)], bytesMax)
    #expect(followed.result == whole.result)
    #expect(followed.consumed == whole.consumed)
  }
  return whole.result
}

private func line(_ text: String) -> Result<ProxyHeader?, ProxyHeaderError> {
  outcome(Array(text.utf8))
}

private func internet(
  _ source: String, _ sourcePort: UInt16, _ destination: String, _ destinationPort: UInt16
) throws -> ProxyHeader {
  .internet(
    source: ProxyEndpoint(address: try #require(IPAddress(source)), port: sourcePort),
    destination: ProxyEndpoint(
      address: try #require(IPAddress(destination)), port: destinationPort))
}

@Suite("PROXY protocol §2.1: version 1")
struct ProxyLineTests {
  @Test func tcp() throws {
    #expect(
      try line("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n").get()
        == internet("192.0.2.1", 56324, "198.51.100.2", 443))
    #expect(
      try line("PROXY TCP6 2001:db8::1 2001:DB8::2 0 65535\r\n").get()
        == internet("2001:db8::1", 0, "2001:db8::2", 65535))
    #expect(
      try line("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n").get()
        == internet("192.0.2.1", 1, "::1", 2))
  }

  @Test(arguments: [
    "PROXY UNKNOWN\r\n", "PROXY UNKNOWN \r\n", "PROXY UNKNOWN TCP4 what ever\r\n",
    "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "PROXY UNKNOWN \0\u{ff}\r\n",
  ])
  func unknown(_ text: String) throws {
    #expect(try line(text).get() == .unknown)
  }

  @Test func theLongestLine() throws {
    let address = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    let longest = "PROXY UNKNOWN \(address) \(address) 65535 65535\r\n"
    #expect(longest.utf8.count == 107)
    #expect(try line(longest).get() == .unknown)
    #expect(line("PROXY UNKNOWN x\(address) \(address) 65535 65535\r\n") == .failure(.lineTooLong))
    #expect(line("PROXY " + String(repeating: "a", count: 200)) == .failure(.lineTooLong))
  }

  @Test(arguments: [
    ("PROXY \r\n", ProxyHeaderError.unknownProtocol), ("PROXY  TCP4\r\n", .unknownProtocol),
    ("PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", .unknownProtocol), ("PROXY UDP4\r\n", .unknownProtocol),
    ("PROXY UNKNOWNX\r\n", .unknownProtocol), ("PROXY TCP\r\n", .unknownProtocol),
    ("PROXY\r\n", .wrongSignature), ("proxy TCP4", .wrongSignature),
    ("PROXY\tTCP4", .wrongSignature),
    ("PROXY TCP4\r\n", .wrongFieldCount), ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", .wrongFieldCount),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", .wrongFieldCount),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", .wrongFieldCount),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3 4 5\r\n", .wrongFieldCount),
    ("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", .wrongFieldCount),
    ("PROXY TCP4 1.2.3.4  1 2\r\n", .invalidAddress),
    ("PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n", .invalidAddress),
    ("PROXY TCP4 1.2.3.4 1.2.3 1 2\r\n", .invalidAddress),
    ("PROXY TCP4 ::1 ::1 1 2\r\n", .invalidAddress),
    ("PROXY TCP4 ::ffff:1.2.3.4 1.2.3.4 1 2\r\n", .invalidAddress),
    ("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", .invalidAddress),
    ("PROXY TCP6 [::1] ::1 1 2\r\n", .invalidAddress),
    ("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", .invalidAddress),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", .invalidPort),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1 02\r\n", .invalidPort),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1 -2\r\n", .invalidPort),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1 a\r\n", .invalidPort),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 99999999999999999999 2\r\n", .invalidPort),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", .malformedLineEnd),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", .malformedLineEnd),
    ("PROXY UNKNOWN \rx\r\n", .malformedLineEnd), ("PROXY UNKNOWN\n\r\n", .malformedLineEnd),
  ])
  func refused(_ text: String, _ error: ProxyHeaderError) {
    #expect(line(text) == .failure(error))
  }
}

@Suite("PROXY protocol §2: signatures")
struct ProxySignatureTests {
  @Test(arguments: [Array("PROXY ".utf8), block(command: 0x21, family: 0, [])])
  func aWrongByteIsFoundWhereItStands(_ header: [UInt8]) {
    for index in header.indices.prefix(12) {
      var bytes = Array(header[...index])
      bytes[index] ^= 0x40
      let (consumed, _) = feed([bytes[..<index]], 552)
      #expect(consumed == index)
      #expect(outcome(bytes) == .failure(.wrongSignature))
    }
  }

  @Test(arguments: ["GET / HTTP/1.1\r\n", "\u{16}\u{3}\u{1}", "\n", "\r\n\r\nGET", "POST", "\0"])
  func otherProtocols(_ text: String) {
    #expect(line(text) == .failure(.wrongSignature))
  }

  @Test func anIncompleteHeaderIsNoHeader() throws {
    let lineBytes = Array("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".utf8)
    for header in [lineBytes, block(command: 0x21, family: 0x11, ipv4Addresses + [4, 0, 1, 9])] {
      for count in header.indices {
        let (consumed, result) = feed([header[..<count]], 552)
        #expect(result == .success(nil))
        #expect(consumed == count)
      }
    }
  }

  @Test func isEmptyUntilTheFirstByte() throws {
    var parser = ProxyHeaderParser()
    let before = parser.isEmpty
    #expect(before)
    _ = try parser.parse(Array("P".utf8).span)
    let after = parser.isEmpty
    #expect(!after)
  }
}

private func block(command: UInt8, family: UInt8, _ rest: [UInt8]) -> [UInt8] {
  Array("\r\n\r\n\0\r\nQUIT\n".utf8)
    + [command, family, UInt8(rest.count >> 8), UInt8(rest.count & 0xFF)] + rest
}

private let ipv4Addresses: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 2, 0xDC, 0x04, 0x01, 0xBB]
private let ipv6Addresses: [UInt8] =
  [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
  + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 198, 51, 100, 2] + [0xDC, 0x04, 0x01, 0xBB]

/// CRC-32C by a table of the reflected polynomial, beside the parser's own.
private func crc32c(_ bytes: [UInt8]) -> UInt32 {
  var table: [UInt32] = []
  for index in 0..<UInt32(256) {
    var value = index
    for _ in 0..<8 {
      value = value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1
    }
    table.append(value)
  }
  var checksum = UInt32.max
  for byte in bytes {
    checksum = (checksum >> 8) ^ table[Int(UInt8(checksum & 0xFF) ^ byte)]
  }
  return ~checksum
}

private func withChecksum(_ header: [UInt8], at offset: Int) -> [UInt8] {
  var header = header
  let checksum = crc32c(header)
  for index in 0..<4 { header[offset + index] = UInt8(checksum >> UInt32(24 - 8 * index) & 0xFF) }
  return header
}

@Suite("PROXY protocol §2.2: version 2")
struct ProxyBlockTests {
  @Test(arguments: [0x11, 0x12] as [UInt8])
  func ipv4(_ family: UInt8) throws {
    let expected = try internet("192.0.2.1", 56324, "198.51.100.2", 443)
    #expect(try outcome(block(command: 0x21, family: family, ipv4Addresses)).get() == expected)
  }

  @Test(arguments: [0x21, 0x22] as [UInt8])
  func ipv6(_ family: UInt8) throws {
    let expected = try internet("2001:db8::1", 56324, "198.51.100.2", 443)
    #expect(try outcome(block(command: 0x21, family: family, ipv6Addresses)).get() == expected)
  }

  @Test(arguments: [0x31, 0x32] as [UInt8])
  func unix(_ family: UInt8) throws {
    let paths = [UInt8](repeating: 0x61, count: 216)
    #expect(try outcome(block(command: 0x21, family: family, paths)).get() == .unix)
  }

  /// LOCAL is accepted whatever its block says, and the block is skipped.
  @Test(
    arguments: [
      (0x00, []), (0x00, [1, 2, 3]), (0x11, ipv4Addresses), (0x11, []), (0xFF, [1]),
      (0x21, ipv4Addresses),
    ] as [(UInt8, [UInt8])])
  func local(_ family: UInt8, _ rest: [UInt8]) throws {
    #expect(try outcome(block(command: 0x20, family: family, rest)).get() == .local)
  }

  @Test(
    arguments: [
      (0x00, []), (0x00, [1, 2, 3]), (0x01, ipv4Addresses), (0x10, ipv4Addresses), (0x10, []),
      (0x20, [0]), (0x30, [0]), (0x02, []),
    ] as [(UInt8, [UInt8])])
  func unknown(_ family: UInt8, _ rest: [UInt8]) throws {
    #expect(try outcome(block(command: 0x21, family: family, rest)).get() == .unknown)
  }

  @Test(
    arguments: [
      (0x11, 0x11, ProxyHeaderError.unsupportedVersion), (0x31, 0x11, .unsupportedVersion),
      (0x01, 0x11, .unsupportedVersion), (0x22, 0x11, .unknownCommand),
      (0x2F, 0x11, .unknownCommand), (0x21, 0x41, .unknownAddressFamily),
      (0x21, 0xF0, .unknownAddressFamily), (0x21, 0x13, .unknownTransport),
      (0x21, 0x0F, .unknownTransport),
    ] as [(UInt8, UInt8, ProxyHeaderError)])
  func refused(_ command: UInt8, _ family: UInt8, _ error: ProxyHeaderError) {
    #expect(outcome(block(command: command, family: family, ipv4Addresses)) == .failure(error))
  }

  @Test(arguments: [(0x11, 12), (0x12, 12), (0x21, 36), (0x22, 36), (0x31, 216), (0x32, 216)])
  func addressesNeedTheirRoom(_ family: UInt8, _ count: Int) throws {
    for short in [0, 1, count - 1] {
      let header = block(command: 0x21, family: family, [UInt8](repeating: 0, count: short))
      #expect(outcome(header) == .failure(.addressesTruncated))
    }
    let exact = block(command: 0x21, family: family, [UInt8](repeating: 0, count: count))
    #expect(try outcome(exact).get() != nil)
  }

  @Test func lengthLimit() throws {
    let header = block(command: 0x21, family: 0, [UInt8](repeating: 0, count: 84))
    #expect(try outcome(header, bytesMax: 100).get() == .unknown)
    #expect(outcome(header, bytesMax: 99) == .failure(.headerTooLong))
    // Before any of it has come.
    let announced = block(command: 0x20, family: 0, []).dropLast(2) + [0xFF, 0xFF]
    #expect(outcome(Array(announced)) == .failure(.headerTooLong))
    #expect(try outcome(block(command: 0x20, family: 0, []), bytesMax: 16).get() == .local)
  }

  @Test(
    arguments: [
      [0x04, 0, 0], [0x04, 0, 3, 1, 2, 3], [0x01, 0, 2, 0x68, 0x32, 0x04, 0, 0],
      [0x20, 0, 5, 1, 0, 0, 0, 0], [0xEE, 0, 1, 0],
    ] as [[UInt8]])
  func entriesAreSkipped(_ entries: [UInt8]) throws {
    let header = block(command: 0x21, family: 0x11, ipv4Addresses + entries)
    #expect(try outcome(header).get() == internet("192.0.2.1", 56324, "198.51.100.2", 443))
  }

  @Test(
    arguments: [
      [0x04], [0x04, 0], [0x04, 0, 1], [0x04, 0, 2, 1], [0x04, 0, 0, 1], [0x04, 1, 0, 1],
      [0x04, 0xFF, 0xFF], [0x04, 0, 1, 1, 0x04, 0],
    ] as [[UInt8]])
  func malformedEntries(_ entries: [UInt8]) {
    let header = block(command: 0x21, family: 0x11, ipv4Addresses + entries)
    #expect(outcome(header) == .failure(.malformedTLV))
  }

  @Test func checksum() throws {
    #expect(crc32c(Array("123456789".utf8)) == 0xE306_9283)
    let empty = block(
      command: 0x21, family: 0x11, ipv4Addresses + [0x03, 0, 4, 0, 0, 0, 0, 4, 0, 0])
    let header = withChecksum(empty, at: 31)
    #expect(try outcome(header).get() == internet("192.0.2.1", 56324, "198.51.100.2", 443))
    // A change anywhere after the length shows, but for one that changes what is an entry.
    for index in 16..<header.count where !(28...30 ~= index) && index < 35 {
      var changed = header
      changed[index] ^= 1
      #expect(outcome(changed) == .failure(.wrongChecksum))
    }
  }

  @Test(
    arguments: [
      [0x03, 0, 0], [0x03, 0, 3, 1, 2, 3], [0x03, 0, 5, 1, 2, 3, 4, 5],
      [0x03, 0, 4, 0, 0, 0, 0, 0x03, 0, 4, 0, 0, 0, 0],
    ] as [[UInt8]])
  func malformedChecksum(_ entries: [UInt8]) {
    let header = block(command: 0x21, family: 0x21, ipv6Addresses + entries)
    #expect(outcome(header) == .failure(.malformedChecksum))
  }
}

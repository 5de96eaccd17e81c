/// Reads the PROXY protocol header, version 1 or 2, that a proxy sends before anything else on a
/// connection (HAProxy's proxy-protocol.txt, §2).
///
/// Only for listeners whose every peer is a trusted proxy: whoever may send the header can claim
/// any address (§2, §5). On such a listener it is required, never guessed at.
///
/// Strict, and decided byte by byte: what two implementations could read differently is refused at
/// the first byte that shows it, so the outcome does not depend on how the input is cut. Time is
/// linear; memory is at most the header, 107 bytes in version 1 and `bytesMax` in version 2.
///
/// After it has returned a header or thrown, it must not be used again.
package struct ProxyHeaderParser: ~Copyable {
  /// The fixed part of version 2, the largest addresses (two Unix paths) and 320 bytes of further
  /// entries: what is seen in practice, many times over.
  package static let defaultBytesMax = 16 + 536

  private enum State {
    case signature
    case line
    case lineCR
    /// Bytes 13 to 16 of version 2: command, family, length.
    case fixedPart
    /// Addresses and entries, up to that many bytes in all.
    case variablePart(end: Int)
    case complete
  }

  private let bytesMax: Int
  private var state = State.signature
  /// The header so far.
  private var bytes: [UInt8] = []

  /// - Parameter bytesMax: The largest version 2 header that is accepted, its first 16 bytes
  ///   included. Traps under 16.
  package init(bytesMax: Int = defaultBytesMax) {
    precondition(bytesMax >= 16, "bytesMax out of range")
    self.bytesMax = bytesMax
  }

  /// Nothing has come yet.
  package var isEmpty: Bool { bytes.isEmpty }

  /// Takes bytes up to the end of the header at most.
  ///
  /// Returns how many bytes of `input` were taken, which is all of them unless there is a header,
  /// and the header once it is complete. What follows it is the client's.
  package mutating func parse(
    _ input: Span<UInt8>
  ) throws(ProxyHeaderError) -> (consumed: Int, header: ProxyHeader?) {
    var offset = 0
    while offset < input.count {
      let byte = input[offset]
      offset += 1
      if let header = try take(byte) {
        state = .complete
        bytes = []
        return (offset, header)
      }
    }
    return (offset, nil)
  }

  private mutating func take(_ byte: UInt8) throws(ProxyHeaderError) -> ProxyHeader? {
    switch state {
    case .signature:
      try takeSignatureByte(byte)
      return nil

    case .line:
      guard byte != .lf else { throw .malformedLineEnd }
      guard bytes.count < Self.lineBytesMax - 1 else { throw .lineTooLong }
      bytes.append(byte)
      if byte == .cr { state = .lineCR }
      return nil

    case .lineCR:
      guard byte == .lf else { throw .malformedLineEnd }
      return try ProxyHeader(line: bytes[Self.lineSignature.count...].dropLast())

    case .fixedPart:
      bytes.append(byte)
      return try takeFixedPartByte(byte)

    case .variablePart(let end):
      bytes.append(byte)
      return bytes.count == end ? try ProxyHeader(version2: bytes) : nil

    case .complete:
      preconditionFailure("the header is complete")
    }
  }

  private mutating func takeSignatureByte(_ byte: UInt8) throws(ProxyHeaderError) {
    bytes.append(byte)
    let signature = bytes[0] == .cr ? Self.blockSignature : Self.lineSignature
    guard byte == signature[bytes.count - 1] else { throw .wrongSignature }
    if bytes.count == signature.count {
      state = bytes[0] == .cr ? .fixedPart : .line
    }
  }

  private mutating func takeFixedPartByte(
    _ byte: UInt8
  ) throws(ProxyHeaderError) -> ProxyHeader? {
    switch bytes.count {
    case 13:
      guard byte >> 4 == 2 else { throw .unsupportedVersion }
      guard byte & 0xF <= 1 else { throw .unknownCommand }
    case 14:
      // LOCAL says nothing else: its family is ignored (§2.2).
      guard bytes[12] & 0xF == 1 else { break }
      guard byte >> 4 <= 3 else { throw .unknownAddressFamily }
      guard byte & 0xF <= 2 else { throw .unknownTransport }
    case 16:
      let end = 16 + (Int(bytes[14]) << 8 | Int(byte))
      guard end <= bytesMax else { throw .headerTooLong }
      state = .variablePart(end: end)
      return end == 16 ? try ProxyHeader(version2: bytes) : nil
    default:
      break
    }
    return nil
  }

  private static let lineSignature = Array("PROXY ".utf8)
  private static let blockSignature = Array("\r\n\r\n\0\r\nQUIT\n".utf8)
  /// With its CR and LF (§2.1).
  private static let lineBytesMax = 107
}

// MARK: - Version 1

extension ProxyHeader {
  /// Reads what follows `PROXY ` up to the line end (§2.1).
  fileprivate init(line: ArraySlice<UInt8>) throws(ProxyHeaderError) {
    let fields = line.split(
      separator: .space, maxSplits: 5, omittingEmptySubsequences: false)
    let isIPv4: Bool
    switch fields[0] {
    case let name where name.elementsEqual("UNKNOWN".utf8):
      // Whatever follows on the line is to be ignored.
      self = .unknown
      return
    case let name where name.elementsEqual("TCP4".utf8): isIPv4 = true
    case let name where name.elementsEqual("TCP6".utf8): isIPv4 = false
    default: throw .unknownProtocol
    }
    guard fields.count == 5 else { throw .wrongFieldCount }
    let source = try Self.address(fields[1], isIPv4: isIPv4)
    let destination = try Self.address(fields[2], isIPv4: isIPv4)
    self = .internet(
      source: ProxyEndpoint(address: source, port: try Self.port(fields[3])),
      destination: ProxyEndpoint(address: destination, port: try Self.port(fields[4])))
  }

  /// The text decides the family: an IPv4-mapped address is IPv6 as it is written.
  private static func address(
    _ text: ArraySlice<UInt8>, isIPv4: Bool
  ) throws(ProxyHeaderError) -> IPAddress {
    guard text.contains(UInt8(ascii: ":")) != isIPv4, let address = IPAddress(parsing: text) else {
      throw .invalidAddress
    }
    return address
  }

  private static func port(_ text: ArraySlice<UInt8>) throws(ProxyHeaderError) -> UInt16 {
    guard let port = text.strictDecimal(max: 65_535) else { throw .invalidPort }
    return UInt16(port)
  }
}

// MARK: - Version 2

extension ProxyHeader {
  /// Reads a header that is complete and whose first 16 bytes are checked (§2.2).
  fileprivate init(version2 header: [UInt8]) throws(ProxyHeaderError) {
    guard header[12] & 0xF == 1 else {
      self = .local
      return
    }
    let family = header[13] >> 4
    let transport = header[13] & 0xF
    guard family != 0, transport != 0 else {
      // What the block holds then is not specified.
      self = .unknown
      return
    }
    let addressBytes = family == 1 ? 4 : family == 2 ? 16 : 108
    let portBytes = family == 3 ? 0 : 2
    let addressesEnd = 16 + 2 * (addressBytes + portBytes)
    guard header.count >= addressesEnd else { throw .addressesTruncated }
    try Self.checkEntries(header, from: addressesEnd)
    guard family != 3 else {
      self = .unix
      return
    }
    func endpoint(_ index: Int) -> ProxyEndpoint {
      let address = 16 + index * addressBytes
      let port = 16 + 2 * addressBytes + index * portBytes
      return ProxyEndpoint(
        address: IPAddress(networkOrder: header[address..<(address + addressBytes)].span),
        port: UInt16(header[port]) << 8 | UInt16(header[port + 1]))
    }
    self = .internet(source: endpoint(0), destination: endpoint(1))
  }

  /// Type, length and value, one after the other up to the end (§2.2.1 and the sections after it).
  /// Their values are not looked at, but for the checksum (§2.2.3).
  private static func checkEntries(_ header: [UInt8], from start: Int) throws(ProxyHeaderError) {
    var offset = start
    var checksum: Int?
    while offset < header.count {
      guard header.count - offset >= 3 else { throw .malformedTLV }
      let count = Int(header[offset + 1]) << 8 | Int(header[offset + 2])
      let value = offset + 3
      guard header.count - value >= count else { throw .malformedTLV }
      if header[offset] == 0x03 {
        guard count == 4, checksum == nil else { throw .malformedChecksum }
        checksum = value
      }
      offset = value + count
    }
    guard let checksum else { return }
    let stated = header[checksum..<(checksum + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard crc32c(header, zeroing: checksum..<(checksum + 4)) == stated else {
      throw .wrongChecksum
    }
  }

  /// CRC-32C (RFC 9260, appendix A), with zeros in place of the bytes of `hole`. Bit by bit:
  /// a header is short, and there is one for a connection.
  private static func crc32c(_ bytes: [UInt8], zeroing hole: Range<Int>) -> UInt32 {
    var remainder = UInt32.max
    for (index, byte) in bytes.enumerated() {
      remainder ^= hole.contains(index) ? 0 : UInt32(byte)
      for _ in 0..<8 {
        remainder = remainder >> 1 ^ (remainder & 1 == 0 ? 0 : 0x82F6_3B78)
      }
    }
    return ~remainder
  }
}

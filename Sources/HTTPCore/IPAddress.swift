/// An IPv4 or IPv6 address: 16 bytes, equal and hashed by value, without port and scope.
///
/// An IPv4 address is kept as the IPv4-mapped IPv6 address that stands for it (RFC 4291 §2.5.5.2),
/// so `::ffff:192.0.2.1`, which a dual-stack socket reports, and `192.0.2.1` are the same value.
package struct IPAddress: Hashable, Sendable {
  /// The address in IPv6 form, its first byte highest.
  let bits: UInt128

  /// The IPv4 address whose first byte is the highest of `ipv4`: 127.0.0.1 is 0x7F000001.
  package init(ipv4: UInt32) {
    bits = 0xFFFF << 32 | UInt128(ipv4)
  }

  /// The IPv6 address whose first byte is the highest of `ipv6`; an IPv4-mapped one is IPv4.
  package init(ipv6: UInt128) {
    bits = ipv6
  }

  /// The address of 4 or 16 bytes in network order. Traps on another count.
  package init(networkOrder bytes: Span<UInt8>) {
    precondition(bytes.count == 4 || bytes.count == 16, "an address has 4 or 16 bytes")
    var number: UInt128 = 0
    for index in bytes.indices {
      number = number << 8 | UInt128(bytes[index])
    }
    self = bytes.count == 4 ? IPAddress(ipv4: UInt32(number)) : IPAddress(ipv6: number)
  }

  /// The IPv4 address as a number, or nil for IPv6.
  package var ipv4: UInt32? {
    bits >> 32 == 0xFFFF ? UInt32(truncatingIfNeeded: bits) : nil
  }

  package var isIPv4: Bool { ipv4 != nil }

  /// The address with all but its first bits zero, of 128 as in IPv6. Traps on
  /// another number than 0 to 128.
  package func prefix(bits count: Int) -> IPAddress {
    precondition(0...128 ~= count, "an address has 128 bits")
    return IPAddress(ipv6: bits & (UInt128.max << UInt128(128 - count)))
  }
}

// MARK: - Reading

extension IPAddress: LosslessStringConvertible {
  /// Reads the text of an address, all of it, or returns nil.
  ///
  /// IPv4 is four decimal numbers without leading zeros (RFC 3986 §3.2.2: no octal, no
  /// hexadecimal, no omitted parts). IPv6 is every form of RFC 4291 §2.2, in either case, where
  /// `::` stands for one group at least; no brackets and no scope.
  package init?(_ text: String) {
    self.init(parsing: Array(text.utf8)[...])
  }

  /// As `init(_:)`, from ASCII bytes.
  package init?(parsing text: ArraySlice<UInt8>) {
    // The longest: six groups of four and an IPv4 address, with their separators.
    guard text.count <= 45 else { return nil }
    if text.contains(UInt8(ascii: ":")) {
      guard let bits = Self.ipv6(text) else { return nil }
      self.init(ipv6: bits)
    } else {
      guard let bits = Self.ipv4(text) else { return nil }
      self.init(ipv4: bits)
    }
  }

  private static func ipv4(_ text: ArraySlice<UInt8>) -> UInt32? {
    let parts = text.split(
      separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bits: UInt32 = 0
    for part in parts {
      guard let byte = part.strictDecimal(max: 255) else { return nil }
      bits = bits << 8 | UInt32(byte)
    }
    return bits
  }

  private static func ipv6(_ text: ArraySlice<UInt8>) -> UInt128? {
    let colon = UInt8(ascii: ":")
    var rest = text
    var bits: UInt128 = 0
    var groups = 0
    /// How many groups there are before `::`.
    var gap: Int?
    if rest.starts(with: [colon, colon]) {
      gap = 0
      rest = rest.dropFirst(2)
    }
    while !rest.isEmpty {
      let part = rest.prefix { $0 != colon }
      if part.endIndex == rest.endIndex, part.contains(UInt8(ascii: ".")) {
        guard groups <= 6, let address = ipv4(part) else { return nil }
        bits = bits << 32 | UInt128(address)
        groups += 2
        break
      }
      guard groups < 8, let group = group(part) else { return nil }
      bits = bits << 16 | UInt128(group)
      groups += 1
      rest = rest[part.endIndex...]
      guard rest.popFirst() != nil else { break }
      if rest.first == colon {
        guard gap == nil else { return nil }
        gap = groups
        rest = rest.dropFirst()
      } else if rest.isEmpty {
        return nil
      }
    }
    guard let gap else { return groups == 8 ? bits : nil }
    guard groups < 8 else { return nil }
    let tailBits = 16 * (groups - gap)
    let tail = bits & ((1 << UInt128(tailBits)) - 1)
    return (bits >> UInt128(tailBits)) << UInt128(128 - 16 * gap) | tail
  }

  /// One to four hexadecimal digits.
  private static func group(_ text: ArraySlice<UInt8>) -> UInt16? {
    guard 1...4 ~= text.count else { return nil }
    var group: UInt16 = 0
    for byte in text {
      guard let digit = byte.hexDigitValue else { return nil }
      group = group << 4 | UInt16(digit)
    }
    return group
  }
}

extension ArraySlice<UInt8> {
  /// The decimal number that is the whole text, without sign and leading zeros, or nil.
  ///
  /// `max` has five digits at most.
  func strictDecimal(max: Int) -> Int? {
    guard 1...5 ~= count, allSatisfy(\.isDigit), count == 1 || first != UInt8(ascii: "0") else {
      return nil
    }
    let number = reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    return number <= max ? number : nil
  }
}

// MARK: - Writing

extension IPAddress: CustomStringConvertible {
  /// The canonical text: `192.0.2.1`, and IPv6 as RFC 5952 §4 has it.
  package var description: String {
    if let ipv4 {
      return "\(ipv4 >> 24).\(ipv4 >> 16 & 0xFF).\(ipv4 >> 8 & 0xFF).\(ipv4 & 0xFF)"
    }
    let groups = stride(from: 112, through: 0, by: -16).map { UInt16(bits >> $0 & 0xFFFF) }
    let hex = groups.map { String($0, radix: 16) }
    let zeros = Self.longestZeroRun(groups)
    guard zeros.count >= 2 else { return hex.joined(separator: ":") }
    return hex[..<zeros.lowerBound].joined(separator: ":") + "::"
      + hex[zeros.upperBound...].joined(separator: ":")
  }

  /// The first of the longest runs of zero groups (RFC 5952 §4.2.3); empty when there is none.
  private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int> {
    var longest = 0..<0
    var start = 0
    for (index, group) in groups.enumerated() {
      if group != 0 {
        start = index + 1
      } else if index + 1 - start > longest.count {
        longest = start..<(index + 1)
      }
    }
    return longest
  }
}

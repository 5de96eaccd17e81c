/// A block of addresses that share a prefix (CIDR, RFC 4632 §3.1, RFC 4291 §2.3).
///
/// It is of one family: `0.0.0.0/0` is every IPv4 address, `::/0` every IPv6 address, and neither
/// has anything of the other. `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
package struct IPNetwork: Hashable, Sendable {
  /// The lowest address of the block.
  package let base: IPAddress
  /// How many leading bits of the IPv6 form all addresses of the block have in common.
  private let prefixBits: Int

  /// The block of one address.
  package init(_ address: IPAddress) {
    base = address
    prefixBits = 128
  }

  /// Reads `10.0.0.0/8`, `fd00::/8`, or an address alone, which is a block of one.
  ///
  /// The address is as `IPAddress` reads it, the length a decimal number without leading zeros.
  /// `10.0.0.1/8` is refused: whether one address was meant or the block cannot be told.
  package init(parsing text: String) throws(IPNetworkError) {
    let parts = Array(text.utf8).split(
      separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(parsing: parts[0]) else { throw .invalidAddress }
    guard parts.count == 2 else {
      base = address
      prefixBits = 128
      return
    }
    // As it is written: an IPv4-mapped address counts its bits as IPv6.
    let addressBits = parts[0].contains(UInt8(ascii: ":")) ? 128 : 32
    guard let length = parts[1].strictDecimal(max: addressBits) else {
      throw .invalidPrefixLength
    }
    base = address
    prefixBits = 128 - addressBits + length
    guard base.bits & ~Self.mask(prefixBits) == 0 else { throw .addressBitsAfterPrefix }
  }

  package func contains(_ address: IPAddress) -> Bool {
    address.isIPv4 == base.isIPv4 && address.bits & Self.mask(prefixBits) == base.bits
  }

  private static func mask(_ prefixBits: Int) -> UInt128 {
    // A shift by all 128 bits gives zero.
    UInt128.max << UInt128(128 - prefixBits)
  }
}

/// Why a text is no block of addresses.
package enum IPNetworkError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What stands before the slash, or alone, is not an address.
  case invalidAddress
  /// Not a number of bits that the address has.
  case invalidPrefixLength
  /// The address has bits set after its prefix.
  case addressBitsAfterPrefix

  /// What is wrong, for whoever wrote it.
  package var description: String {
    switch self {
    case .invalidAddress: "not an address, or one with a name, a port or a zone"
    case .invalidPrefixLength: "the prefix has 0 to 32 bits for IPv4, 0 to 128 for IPv6"
    case .addressBitsAfterPrefix: "the address has bits set after its prefix, as in 10.0.0.1/8"
    }
  }
}

extension IPNetwork: CustomStringConvertible {
  /// In the form that `init(parsing:)` reads; always with a length.
  package var description: String {
    "\(base)/\(base.isIPv4 ? prefixBits - 96 : prefixBits)"
  }
}

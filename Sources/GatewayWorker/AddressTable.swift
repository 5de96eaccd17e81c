internal import HTTPCore

/// How many connections each client address has, and how many of them have not
/// finished their handshake. Addresses without a connection take no memory.
///
/// An IPv6 address counts as its /64: that much is any subscriber's.
struct AddressTable {
  struct Limits: Sendable {
    /// Nil: no limit.
    var connectionsMax: Int?
    var handshakesMax: Int
  }

  private struct Entry {
    var connections = 0
    var handshakes = 0
  }

  /// Lowered, they end nothing: who is there stays.
  var limits: Limits
  private var entries: [IPAddress: Entry] = [:]

  init(limits: Limits) {
    self.limits = limits
  }

  /// Counts a new connection, which is in its handshake; false, and nothing is
  /// counted, when the address has too many.
  mutating func admit(_ address: IPAddress) -> Bool {
    let address = address.limited
    var entry = entries[address] ?? Entry()
    if let connectionsMax = limits.connectionsMax, entry.connections >= connectionsMax {
      return false
    }
    if entry.handshakes >= limits.handshakesMax { return false }
    entry.connections += 1
    entry.handshakes += 1
    entries[address] = entry
    return true
  }

  mutating func handshakeEnded(_ address: IPAddress) {
    entries[address.limited]?.handshakes -= 1
  }

  mutating func disconnected(_ address: IPAddress, inHandshake: Bool) {
    let address = address.limited
    guard var entry = entries[address] else { return }
    entry.connections -= 1
    if inHandshake { entry.handshakes -= 1 }
    entries[address] = entry.connections == 0 ? nil : entry
  }

  /// The addresses that have a connection.
  var count: Int { entries.count }
}

extension IPAddress {
  /// What limits are for.
  fileprivate var limited: IPAddress { isIPv4 ? self : prefix(bits: 64) }
}

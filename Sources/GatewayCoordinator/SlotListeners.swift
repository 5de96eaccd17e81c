internal import FleetCore
internal import SystemIO

/// The listening sockets of the gateway, open for as long as it lives: those of each slot,
/// one for each TCP address, and those of Unix sockets, which all workers share.
///
/// Nothing is accepted here. What is queued while no worker attends a socket waits.
struct SlotListeners: ~Copyable {
  private let addresses: [SocketAddress]
  /// By slot and TCP address.
  private var slots: [SlotID: [Opened]] = [:]
  private let shared: [Opened]
  /// By address: whether workers of a coordinator that was killed listened there too.
  private let isTakenOver: [Bool]
  /// Where the first slot listens: with free ports in place of port 0.
  private(set) var bound: [SocketAddress] = []

  private final class Opened {
    let listener: Listener
    /// Whether others were in its SO_REUSEPORT group before.
    let isTakenOver: Bool

    init(_ listener: consuming Listener, isTakenOver: Bool = false) {
      self.listener = listener
      self.isTakenOver = isTakenOver
    }
  }

  /// Opens what belongs to no slot, and makes sure that nobody else listens on the rest.
  /// With `takesOver`, the coordinator before was killed: its workers may still listen, until
  /// they notice, and nobody is refused meanwhile.
  init(_ addresses: [SocketAddress], takesOver: Bool) throws(ListenerError) {
    var shared: [Opened] = []
    var isTakenOver: [Bool] = []
    for address in addresses {
      if !takesOver { try Listener.requireUnused(address) }
      isTakenOver.append(takesOver && ListeningSockets.count(on: address) > 0)
      if case .unix = address {
        shared.append(Opened(try Listener(on: address, takesOver: takesOver)))
      }
    }
    self.addresses = addresses
    self.isTakenOver = isTakenOver
    self.shared = shared
  }

  mutating func open(_ slot: SlotID) throws(ListenerError) {
    var opened: [Opened] = []
    var bound: [SocketAddress] = []
    for (index, address) in addresses.enumerated() {
      if case .unix = address {
        bound.append(address)
        continue
      }
      // All slots share the port that the first one got.
      let wanted = self.bound.isEmpty ? address : self.bound[index]
      let listener = try Listener(on: wanted)
      bound.append(listener.address)
      opened.append(Opened(listener, isTakenOver: isTakenOver[index]))
    }
    slots[slot] = opened
    if self.bound.isEmpty { self.bound = bound }
  }

  mutating func close(_ slot: SlotID) {
    slots[slot] = nil
  }

  /// Descriptors of the slot's TCP listeners, in the order of the addresses.
  func descriptors(of slot: SlotID) -> [Int32] {
    (slots[slot] ?? []).map { $0.listener.descriptorNumber }
  }

  /// What a worker of this slot inherits: by the index of the address.
  func inherited(by slot: SlotID) -> [(address: Int, descriptor: Int32)] {
    var inherited: [(address: Int, descriptor: Int32)] = []
    var own = descriptors(of: slot)[...]
    var sockets = shared[...]
    for (index, address) in addresses.enumerated() {
      if case .unix = address {
        if let opened = sockets.popFirst() {
          inherited.append((index, opened.listener.descriptorNumber))
        }
      } else if let descriptor = own.popFirst() {
        inherited.append((index, descriptor))
      }
    }
    return inherited
  }

  /// Sends new connections of every TCP address to these slots only.
  func steer(_ steering: Steering) {
    guard let first = slots[steering.slots[0]] else { return }
    for opened in first {
      // One that fails leaves the kernel's own choice, which is among all slots: the
      // queue of a slot without a worker waits for its next one.
      if opened.isTakenOver {
        steerInGroup(of: opened, to: steering.groupIndices)
      } else {
        try? ReuseportSteering.steer(to: steering.groupIndices, groupOf: opened.listener)
      }
    }
  }

  /// In a group that others were in before. While they are, ours come behind them; new
  /// connections are not to be theirs when they stop. Once they have gone, ours have moved
  /// into their places, who knows in which order: the kernel chooses among all, and a
  /// slot without a worker is attended by a sibling.
  private func steerInGroup(of opened: Opened, to indices: [Int]) {
    let first = ListeningSockets.count(on: opened.listener.address) - slots.count
    if first > 0 {
      try? ReuseportSteering.steer(to: indices.map { first + $0 }, groupOf: opened.listener)
    } else {
      try? ReuseportSteering.end(groupOf: opened.listener)
    }
  }
}

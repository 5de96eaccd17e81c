package import SystemIO
package import WebSocketClient
package import WebSocketCore

/// What a load run does.
package struct LoadPlan: Sendable {
  package enum Scenario: String, Sendable, CaseIterable {
    /// Every connection sends, and gets its own messages back.
    case echo
    /// One more connection publishes, and the others receive.
    case broadcast
    /// Connections are opened, and closed in order at once.
    case connect
    /// Connections are opened, and held.
    case idle
  }

  package var scenario: Scenario
  /// At the same time; the receiving ones in a broadcast.
  package var connections = 64
  /// Of a message's payload, in bytes.
  package var size = 20
  package var kind = MessageKind.binary
  /// Messages of a connection (in a broadcast, of the publisher) that are sent before
  /// the first has come back. Positive.
  package var inFlight = 1
  /// Messages (or connects) per second of all connections together; without it, each
  /// answer is followed by the next message.
  package var rate: MessageRate? = nil
  package var warmUpNanoseconds: UInt64 = 1_000_000_000
  package var durationNanoseconds: UInt64 = 10_000_000_000
  /// How long answers are waited for in the end, and how long without any progress ends
  /// the opening of connections.
  package var patienceNanoseconds: UInt64 = 5_000_000_000
  package var threads = 1
  package var address: SocketAddress
  /// Taken in turn, because one address has some 28,000 ports for one server; port 0.
  package var localAddresses: [SocketAddress] = []
  package var clientOptions = ClientOptions()

  package init(_ scenario: Scenario, at address: SocketAddress) {
    self.scenario = scenario
    self.address = address
  }

  /// The connections of a thread, by their numbers in the whole run.
  func connections(ofThread index: Int) -> Range<Int> {
    (connections * index / threads)..<(connections * (index + 1) / threads)
  }
}

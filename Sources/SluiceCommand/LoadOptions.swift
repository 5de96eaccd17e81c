internal import ArgumentParser
internal import Configuration
internal import LoadGenerator
internal import SystemIO
internal import WebSocketClient
internal import WebSocketCore

/// What all loads have.
struct LoadOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "ws://, wss:// or ws+unix:SOCKET:/PATH.", valueName: "url"),
    transform: { try WebSocketURL(parsing: $0) })
  var url: WebSocketURL

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      """
      Connections at a time. Default: 64, 500 for a broadcast, 10000 for idle.
      """, valueName: "n"))
  var connections: Int?

  @Option(
    name: [.short, .long], help: ArgumentHelp("How long it is measured.", valueName: "time"))
  var duration = TimeSpan(milliseconds: 10_000)

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      """
      Event loops of the client, each in a thread. When they are busier than the server, the \
      figures are the client's own.
      """, valueName: "n"))
  var threads = 1

  @Option(
    help: ArgumentHelp(
      """
      A process of the server, whose CPU time and memory are then told; its children count \
      too. Repeatable.
      """, valueName: "pid"))
  var serverPid: [Int32] = []

  @Option(
    help: ArgumentHelp(
      """
      An address to connect from. Repeatable: each has some 28000 ports for one server, and \
      on this machine 127.0.0.1 to 127.255.255.254 can be used.
      """, valueName: "ip"))
  var localAddress: [String] = []

  @Flag(help: "Print the result as JSON.")
  var json = false

  static let connectionsMax = 1_000_000
  static let threadsMax = 256

  func validate() throws {
    if let connections, !(1...Self.connectionsMax).contains(connections) {
      throw ValidationError("--connections is 1 to \(Self.connectionsMax).")
    }
    guard (1...Self.threadsMax).contains(threads) else {
      throw ValidationError("--threads is 1 to \(Self.threadsMax).")
    }
    guard duration.milliseconds > 0 else { throw ValidationError("--duration is over 0.") }
    _ = try localAddresses()
  }

  func localAddresses() throws -> [SocketAddress] {
    try localAddress.map { text in
      do {
        return try SocketAddress(parsing: text.contains(":") ? "[\(text)]:0" : "\(text):0")
      } catch {
        throw ValidationError("--local-address '\(text)': an IPv4 or IPv6 address, without a port.")
      }
    }
  }
}

struct MessageOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The size of a message's payload.", valueName: "size"))
  var size = ByteSize(20)

  @Option(
    help: ArgumentHelp(
      "Messages of a connection that are sent before the first is back.", valueName: "n"))
  var inFlight: Int?

  @Flag(help: "Text messages (ASCII) instead of binary ones.")
  var text = false

  private static let sizeMax = 64 << 20
  private static let inFlightMax = 65_536

  func validate() throws {
    guard size.bytes <= Self.sizeMax else {
      throw ValidationError("--size is at most \(ByteSize(Self.sizeMax)).")
    }
    if let inFlight, !(1...Self.inFlightMax).contains(inFlight) {
      throw ValidationError("--in-flight is 1 to \(Self.inFlightMax).")
    }
  }

  /// Both tell what is sent when.
  func check(with rate: RateOptions) throws {
    if inFlight != nil && rate.rate != nil {
      throw ValidationError(
        "Give --rate or --in-flight, not both: at a rate, messages are sent when they are due, "
          + "however many are in flight.")
    }
  }

  func apply(to job: inout LoadJob) {
    job.plan.size = size.bytes
    job.plan.inFlight = inFlight ?? 1
    job.plan.kind = text ? .text : .binary
  }
}

struct RateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Messages (or connections) per second, of all together, 0.001 to 10000000, sent when \
      they are due whatever the server does.
      """, valueName: "n"))
  var rate: Double?

  @Option(
    help: ArgumentHelp("How long the load runs before it is measured.", valueName: "time"))
  var warmUp = TimeSpan(milliseconds: 1_000)

  func validate() throws {
    if let rate, MessageRate(messagesPerSecond: rate) == nil {
      throw ValidationError("--rate is 0.001 to 10000000 per second.")
    }
  }

  func apply(to job: inout LoadJob) {
    job.plan.warmUpNanoseconds = warmUp.milliseconds * 1_000_000
    job.plan.rate = rate.flatMap { MessageRate(messagesPerSecond: $0) }
  }
}

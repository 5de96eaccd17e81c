internal import ArgumentParser
internal import GatewayWorker
internal import HTTPCore
internal import SystemIO
internal import WebSocketCore

struct LimitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The largest message, all its fragments together. Over it: close 1009.", valueName: "size"))
  var maxMessageSize = ByteSize(1 << 20)

  @Option(
    help: ArgumentHelp("The most fragments in a message. Over it: close 1008.", valueName: "count"))
  var maxFragments = 4096

  @Option(
    help: ArgumentHelp(
      "The most messages of a client in a second. 0: no limit. Over it: close 1008.",
      valueName: "count"))
  var maxMessagesPerSecond: UInt32 = 0

  @Option(
    help: ArgumentHelp(
      "The most pings and pongs of a client in a second. 0: no limit. Over it: close 1008.",
      valueName: "count"))
  var maxControlFramesPerSecond: UInt32 = 100

  @Option(
    help: ArgumentHelp(
      """
      What may be queued for a connection that reads slowly. Over it, a subscriber is closed \
      with 1013, and nothing more is read from a client whose replies pile up.
      """, valueName: "size"))
  var sendQueueLimit = ByteSize(256 << 10)

  @Option(
    help: ArgumentHelp(
      """
      What may be queued for all clients and kept of their unfinished messages together. Over \
      it, those that hold most are disconnected.
      """, valueName: "size"))
  var memoryBudget = ByteSize(512 << 20)

  @Option(
    help: ArgumentHelp(
      """
      The most connections. Further ones get 503, or are just closed. Default: what the limit on \
      open files allows.
      """, valueName: "count"))
  var maxConnections: Int?

  @Option(
    help: ArgumentHelp(
      "The most connections from one address. Further ones get 429. Default: no limit.",
      valueName: "count"))
  var maxConnectionsPerAddress: Int?

  @Option(
    help: ArgumentHelp(
      "The most of them that have not come with a whole request yet. Further ones get 429.",
      valueName: "count"))
  var maxHandshakesPerAddress = 1024

  @Option(
    help: ArgumentHelp("The largest head of a request. Over it: 431, or 414.", valueName: "size"))
  var maxHeadSize = ByteSize(8 << 10)

  @Option(
    help: ArgumentHelp("The most fields in a request's head. Over it: 431.", valueName: "count"))
  var maxHeaderFields = 64

  func apply(to options: inout WorkerOptions) throws {
    for (name, value, range) in [
      ("--max-message-size", maxMessageSize.bytes, 1...(1 << 30)),
      ("--max-fragments", maxFragments, 1...(1 << 20)),
      ("--send-queue-limit", sendQueueLimit.bytes, 1...(1 << 30)),
      ("--memory-budget", memoryBudget.bytes, (1 << 20)...(1 << 40)),
      ("--max-connections", maxConnections ?? 1, 1...(1 << 24)),
      ("--max-connections-per-address", maxConnectionsPerAddress ?? 1, 1...(1 << 24)),
      ("--max-handshakes-per-address", maxHandshakesPerAddress, 1...(1 << 24)),
      ("--max-head-size", maxHeadSize.bytes, 256...(1 << 20)),
      ("--max-header-fields", maxHeaderFields, 1...10_000),
    ] where !range.contains(value) {
      throw ValidationError(
        "\(name) is \(value), but can be \(range.lowerBound) to \(range.upperBound).")
    }
    options.messageLimits = MessageLimits(
      messageBytesMax: maxMessageSize.bytes, fragmentsMax: maxFragments)
    options.httpLimits = HTTPLimits(
      headBytesMax: maxHeadSize.bytes, headerFieldsMax: maxHeaderFields)
    options.messagesPerSecondMax = maxMessagesPerSecond
    options.controlFramesPerSecondMax = maxControlFramesPerSecond
    options.sendQueueBytesMax = sendQueueLimit.bytes
    options.memoryBytesMax = memoryBudget.bytes
    options.connectionsMax = try connectionsMax()
    options.connectionsPerAddressMax = maxConnectionsPerAddress
    options.handshakesPerAddressMax = maxHandshakesPerAddress
  }

  /// Raises the limit on open files as far as it goes, and keeps some of them
  /// for what is not a connection.
  private func connectionsMax() throws -> Int {
    let reserved = 64
    let filesMax = OpenFileLimit.raise()
    guard let maxConnections else { return max(1, filesMax - reserved) }
    if maxConnections > filesMax - reserved {
      throw ValidationError(
        "--max-connections \(maxConnections) needs a limit on open files of at least "
          + "\(maxConnections + reserved), but it is \(filesMax): raise it (ulimit -Hn, or "
          + "LimitNOFILE= in a systemd unit).")
    }
    return maxConnections
  }
}

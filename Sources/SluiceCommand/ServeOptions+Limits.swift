internal import Configuration

extension ServeOptions {
  static let limits = OptionGroup(
    "Limits",
    [
      maxMessageSize.description, maxFragments.description, maxMessagesPerSecond.description,
      maxControlFramesPerSecond.description, sendQueueLimit.description,
      memoryBudget.description, maxConnections.description, maxConnectionsPerAddress.description,
      maxHandshakesPerAddress.description, maxHeadSize.description, maxHeaderFields.description,
    ])

  static let maxMessageSize = ConfigOption(
    "max-message-size", .size(1...(1 << 30)), default: ByteSize(1 << 20), change: .live,
    help: "The largest message, all its fragments together. Over it: close 1009.",
    details: """
      Without frame headers. The close comes as soon as a frame's header announces more; nothing \
      is allocated for it.
      """)

  static let maxFragments = ConfigOption(
    "max-fragments", .count(1...(1 << 20)), default: 4096, change: .live,
    help: "The most fragments in a message. Over it: close 1008.",
    details: "1 forbids fragmentation.")

  static let maxMessagesPerSecond = ConfigOption(
    "max-messages-per-second", .count(0...Int(UInt32.max)), default: 0, change: .live,
    help: "The most messages of a client in a second. 0: no limit. Over it: close 1008.",
    details: "However they are fragmented. The message is dropped.")

  static let maxControlFramesPerSecond = ConfigOption(
    "max-control-frames-per-second", .count(0...Int(UInt32.max)), default: 100, change: .live,
    help: "The most pings and pongs of a client in a second. 0: no limit. Over it: close 1008.")

  static let sendQueueLimit = ConfigOption(
    "send-queue-limit", .size(1...(1 << 30)), default: ByteSize(256 << 10), change: .live,
    help: """
      What may be queued for a connection that reads slowly. Over it, a subscriber is closed with \
      1013, and nothing more is read from a client whose replies pile up.
      """,
    details: """
      Besides what the kernel takes. Checked before each message against what waits already, so \
      at most this and one message is held; a message larger than the limit passes when little \
      or nothing waits. Replies are those of `/echo`, pongs and HTTP responses.
      """)

  static let memoryBudget = ConfigOption(
    "memory-budget", .size((1 << 20)...(1 << 40)), default: ByteSize(512 << 20), change: .live,
    help: """
      What may be queued for all clients and kept of their unfinished messages together. Over it, \
      those that hold most are disconnected.
      """,
    details: "Without a close frame, until nine tenths of it are held.")

  static let maxConnections = ConfigOption<Int?>(
    "max-connections", .count(1...(1 << 24)), unset: "what the limit on open files allows",
    change: .live,
    help: "The most connections. Further ones get 503, or are just closed.",
    details: """
      WebSocket, HTTP, and those that are being closed; at most the limit on open files less 64. \
      The 503 has `Retry-After: 1`.
      """)

  static let maxConnectionsPerAddress = ConfigOption<Int?>(
    "max-connections-per-address", .count(1...(1 << 24)), unset: "no limit", change: .live,
    help: "The most connections from one address. Further ones get 429.",
    details: "With `Retry-After: 1`.")

  static let maxHandshakesPerAddress = ConfigOption(
    "max-handshakes-per-address", .count(1...(1 << 24)), default: 1024, change: .live,
    help: """
      The most connections from one address that have not come with a whole request yet. Further \
      ones get 429.
      """,
    details: "With `Retry-After: 1`.")

  static let maxHeadSize = ConfigOption(
    "max-head-size", .size(256...(1 << 20)), default: ByteSize(8 << 10), change: .live,
    help: "The largest head of a request. Over it: 431, or 414.",
    details: """
      With its request line, for which alone it is 414. Also the largest trailers of a chunked \
      body.
      """)

  static let maxHeaderFields = ConfigOption(
    "max-header-fields", .count(1...10_000), default: 64, change: .live,
    help: "The most fields in a request's head. Over it: 431.", details: "And the most trailers.")
}

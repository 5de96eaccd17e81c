internal import Configuration

extension ServeOptions {
  static let deadlines = OptionGroup(
    "Deadlines",
    [
      handshakeTimeout.description, keepAliveTimeout.description, pingInterval.description,
      pongTimeout.description, closeTimeout.description, drainWindow.description,
      drainDeadline.description, preDrainDelay.description,
    ])

  static let handshakeTimeout = ConfigOption(
    "handshake-timeout", .time(canBeZero: false), default: TimeSpan(milliseconds: 5_000),
    change: .live,
    help: "A request must have come whole within this time, the TLS handshake included.",
    details: """
      From the accept, or from the first byte of a later request, to the end of the request, its \
      body and a PROXY header included. Single bytes do not extend it. Over it: 408, or a close \
      without a response when no request has begun.
      """)

  static let keepAliveTimeout = ConfigOption(
    "keep-alive-timeout", .time(canBeZero: false), default: TimeSpan(milliseconds: 60_000),
    change: .live, help: "An HTTP connection is kept so long between requests.")

  static let pingInterval = ConfigOption(
    "ping-interval", .time(canBeZero: true), default: TimeSpan(milliseconds: 25_000),
    change: .live,
    help: "A WebSocket client that was silent for so long is pinged. 0: never.",
    details: "Without pings, clients that vanish stay until TCP notices.")

  static let pongTimeout = ConfigOption(
    "pong-timeout", .time(canBeZero: false), default: TimeSpan(milliseconds: 10_000),
    change: .live,
    help: "And disconnected if nothing comes from it within this time.",
    details: """
      Any byte is a sign of life, and so is that the client goes on taking what was sent to it \
      before the ping. There is no close frame.
      """)

  static let closeTimeout = ConfigOption(
    "close-timeout", .time(canBeZero: false), default: TimeSpan(milliseconds: 5_000),
    change: .live,
    help: "How long to wait for a client's half of the closing handshake.",
    details: "And, after an error of its own, for the end of its TCP connection.")

  static let drainWindow = ConfigOption(
    "drain-window", .time(canBeZero: true), default: TimeSpan(milliseconds: 8_000),
    change: .restart,
    help: "In a drain, over how long the connections are closed.",
    details: """
      Each gets a close frame, 1012 with a hint when to come back, at a random moment within it. \
      SIGTERM, `sluice drain`, `restart` and `scale` drain.
      """)

  static let drainDeadline = ConfigOption(
    "drain-deadline", .time(canBeZero: false), default: TimeSpan(milliseconds: 9_000),
    change: .restart,
    help: "In a drain, whoever is left at this time is disconnected.",
    details: """
      Counted from the start of the drain, and as `forced`. A drain ends earlier, with its last \
      connection.
      """)

  static let preDrainDelay = ConfigOption(
    "pre-drain-delay", .time(canBeZero: true), default: TimeSpan(milliseconds: 0),
    change: .restart,
    help: "After SIGTERM, go on accepting for so long, while /readyz says no.",
    details: "For load balancers that are slow to see it. Add it to the drain deadline.")
}

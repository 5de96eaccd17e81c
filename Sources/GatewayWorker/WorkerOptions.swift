package import FleetCore
package import HTTPCore
package import TLS
package import WebSocketCore

/// What a worker is told at its start, and when it is to change. The defaults are the product's.
package struct WorkerOptions: Sendable {
  package var messageLimits = MessageLimits()
  package var httpLimits = HTTPLimits()

  /// From accept, or from the first byte of a later request, until the request
  /// has come whole. No trickle extends it.
  package var handshakeMilliseconds: UInt64 = 5_000
  /// How long an HTTP connection is kept between requests.
  package var keepAliveMilliseconds: UInt64 = 60_000
  /// A WebSocket peer that was silent for so long is pinged; 0: never.
  package var pingIntervalMilliseconds: UInt64 = 25_000
  /// And disconnected when it stays silent for so long after that.
  package var pongMilliseconds: UInt64 = 10_000
  /// For the peer's close frame, and then for its FIN.
  package var closeMilliseconds: UInt64 = 5_000
  /// What SIGTERM to the worker itself does.
  package var drain = WorkerDrain(
    windowMilliseconds: 8_000, deadlineMilliseconds: 9_000, retryHintMilliseconds: 500...5_000)

  /// What may be queued for a connection before a further message is not: then
  /// fan-out closes it with 1013, and request-response traffic stops reading
  /// from it. The queue is at most this and one message.
  package var sendQueueBytesMax = 256 * 1024
  package var connectionsMax = 10_000
  /// From one client address; nil: no limit. Behind a proxy, the client's address
  /// is the one that the proxy tells.
  package var connectionsPerAddressMax: Int? = nil
  /// Of those, how many may not have come with a whole request yet.
  package var handshakesPerAddressMax = 1_024
  /// Pings and pongs of one client; 0: no limit. Over it: close 1008.
  package var controlFramesPerSecondMax: UInt32 = 100
  /// Messages of one client; 0: no limit. Over it: close 1008.
  package var messagesPerSecondMax: UInt32 = 0
  /// For what is queued for clients and what they have sent in part, together.
  /// Over it, those that hold most are disconnected.
  package var memoryBytesMax = 512 << 20

  /// Proxies that are believed when they tell the client's address.
  package var trustedProxies: [IPNetwork] = []
  /// Whether peers on Unix sockets are such proxies.
  package var trustsUnixPeers = false
  /// Where they tell it. A proxy writes one field and may hand the other on as the
  /// client sent it.
  package var forwardedFields = ForwardedFor.Fields.xForwardedFor
  /// Connections of trusted proxies begin with a PROXY protocol header.
  package var expectsProxyHeader = false

  /// Nil: no listener speaks TLS.
  package var tls: TLSConfiguration? = nil

  package var origins = OriginPolicy.sameHost
  /// The subprotocols that may be chosen from a client's offer.
  package var subprotocols: [String] = []

  package init() {}
}

extension WorkerOptions {
  var addressLimits: AddressTable.Limits {
    AddressTable.Limits(
      connectionsMax: connectionsPerAddressMax, handshakesMax: handshakesPerAddressMax)
  }

  var forwarding: ForwardedFor {
    ForwardedFor(
      trusted: trustedProxies, trustsUnixPeers: trustsUnixPeers, fields: forwardedFields)
  }
}

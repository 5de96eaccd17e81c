/// What a worker has done, for the line that it leaves behind.
package struct WorkerCounters: Sendable, CustomStringConvertible {
  package var connections: UInt64 = 0
  package var webSockets: UInt64 = 0
  package var messages: UInt64 = 0
  /// Turned away because there were too many connections, in all or of an address.
  package var refused: UInt64 = 0
  /// TLS sessions that failed, in the handshake for the most part.
  package var tlsErrors: UInt64 = 0
  /// Disconnected because the memory budget was spent.
  package var evicted: UInt64 = 0
  /// Disconnected because they broke HTTP or the WebSocket protocol.
  package var violations: UInt64 = 0
  /// Disconnected because they did not take what was published to them.
  package var slowConsumers: UInt64 = 0
  /// Disconnected because they missed a deadline: for a request, a pong, a close.
  package var timedOut: UInt64 = 0
  /// Disconnected at the end of a drain.
  package var forced: UInt64 = 0
  package var acceptFailures: UInt64 = 0

  package var description: String {
    "\(connections) connections, \(webSockets) WebSockets, \(messages) messages; "
      + "\(refused) refused, \(violations) protocol violations, \(tlsErrors) TLS errors, "
      + "\(slowConsumers) slow consumers, \(evicted) evicted, \(timedOut) timed out, "
      + "\(acceptFailures) accept failures, \(forced) forced to close"
  }
}

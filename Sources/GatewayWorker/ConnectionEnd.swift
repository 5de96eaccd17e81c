internal import WebSocketCore

/// How a connection came to its end, as the log tells it. Takes shape while it ends: what was
/// first counts, for that is what it ended of.
struct ConnectionEnd {
  private(set) var side: Side? = nil
  /// Of the close frame that ended it: the client's, or ours.
  private(set) var closeCode: CloseCode? = nil
  private(set) var cause: WorkerCounters.Cause? = nil
  /// In words of ours.
  private(set) var detail: String? = nil

  enum Side: String {
    case client, server
    /// Nobody has closed it: it broke, or the client was silent, or went without a close frame.
    case lost
  }

  mutating func begins(by side: Side, _ closeCode: CloseCode? = nil) {
    if self.side != nil { return }
    self.side = side
    self.closeCode = closeCode
  }

  mutating func explain(_ cause: WorkerCounters.Cause?, _ detail: String?) {
    if self.cause != nil || self.detail != nil { return }
    self.cause = cause
    self.detail = detail
  }
}

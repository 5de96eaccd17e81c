/// Why a message was refused.
///
/// From a request it says what to answer: `status`, then close the connection, because where the
/// next message would begin is not known any more. From a response, on the client's side, `status`
/// is 502: what a gateway would report about it.
package struct HTTPError: Error, Equatable, Sendable, CustomStringConvertible {
  package let status: HTTPStatus
  /// A few words of ours, never bytes of the peer's: safe in a response body and in a log.
  package let reason: String

  package init(status: HTTPStatus, reason: String) {
    self.status = status
    self.reason = reason
  }

  package var description: String { "\(status): \(reason)" }
}

extension HTTPError {
  static func badRequest(_ reason: String) -> HTTPError {
    HTTPError(status: .badRequest, reason: reason)
  }
}

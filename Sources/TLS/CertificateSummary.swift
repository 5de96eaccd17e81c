/// What is worth saying of a server's certificate in logs and status.
package struct CertificateSummary: Sendable, Equatable {
  /// Where it was read from.
  package let file: String
  /// RFC 2253.
  package let subject: String
  /// The host names that it is for, in lowercase, wildcards included.
  package let names: [String]
  /// Unix seconds.
  package let notBefore: Int64
  /// Unix seconds; valid until then.
  package let notAfter: Int64

  /// Whether clients will refuse it, or soon will.
  package func warning(atUnixSeconds now: Int64) -> CertificateWarning? {
    if now > notAfter { return .expired(file: file, secondsAgo: now - notAfter) }
    if now < notBefore { return .notYetValid(file: file, seconds: notBefore - now) }
    if names.isEmpty { return .namesNoHost(file: file) }
    return nil
  }
}

/// A certificate that can be served, but that clients will not take.
package enum CertificateWarning: Sendable, Equatable, CustomStringConvertible {
  case expired(file: String, secondsAgo: Int64)
  case notYetValid(file: String, seconds: Int64)
  case namesNoHost(file: String)

  /// For logs: the file, and what is wrong.
  package var description: String {
    switch self {
    case .expired(let file, let seconds):
      "certificate file \(file): expired \(duration(seconds)) ago; clients will refuse it"
    case .notYetValid(let file, let seconds):
      "certificate file \(file): becomes valid only in \(duration(seconds)); is the clock right?"
    case .namesNoHost(let file):
      "certificate file \(file): names no host; clients that connect by name will refuse it"
    }
  }

  private func duration(_ seconds: Int64) -> String {
    switch seconds {
    case 172_800...: "\(seconds / 86_400) days"
    case 7_200...: "\(seconds / 3_600) hours"
    case 120...: "\(seconds / 60) minutes"
    default: "\(seconds) seconds"
    }
  }
}

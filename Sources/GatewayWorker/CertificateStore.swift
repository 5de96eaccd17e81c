internal import SystemIO
internal import TLS

/// The TLS context that new connections get, and the files that it came from.
final class CertificateStore {
  private(set) var context: TLSServerContext
  private var stamps: [FileStamp?]
  private var ticketKeys: [TicketKey]

  /// How often the files are looked at.
  static let checkMilliseconds: UInt64 = 5_000

  /// `ticketKeys` are the coordinator's, so that sessions resume on any worker.
  init(
    _ configuration: TLSConfiguration, ticketKeys: [TicketKey]
  ) throws(TLSConfigurationError) {
    stamps = Self.stamps(of: configuration)
    self.ticketKeys = ticketKeys
    context = try TLSServerContext(configuration, ticketKeys: ticketKeys)
  }

  /// For a new connection.
  func makeLayer(_ engine: TLSEngine) -> TLSLayer {
    TLSLayer(context.makeSession(engine))
  }

  enum Outcome {
    case unchanged
    case reloaded
    /// The old certificates stay in use until the files change again.
    case refused(TLSConfigurationError)
  }

  /// Reads the files again if they have changed.
  func reloadIfChanged() -> Outcome {
    if Self.stamps(of: context.configuration) == stamps { return .unchanged }
    do throws(TLSConfigurationError) {
      try load(context.configuration)
      return .reloaded
    } catch {
      return .refused(error)
    }
  }

  /// The first key seals tickets from now on; all open them.
  func setTicketKeys(_ keys: [TicketKey]) {
    ticketKeys = keys
    context.setTicketKeys(keys)
  }

  /// Reads the files of a configuration, which takes the place of the one before. When it
  /// throws, nothing has changed.
  func load(_ configuration: TLSConfiguration) throws(TLSConfigurationError) {
    // Before they are read: a change while they are is seen the next time.
    let current = Self.stamps(of: configuration)
    if configuration == context.configuration { stamps = current }
    context = try TLSServerContext(configuration, ticketKeys: ticketKeys)
    stamps = current
  }

  private static func stamps(of configuration: TLSConfiguration) -> [FileStamp?] {
    var files = configuration.certificates.flatMap { [$0.chainFile, $0.keyFile] }
    switch configuration.clientCertificates {
    case .ignored: break
    case .requested(let file), .required(let file): files.append(file)
    }
    return files.map { FileStamp(path: $0) }
  }
}

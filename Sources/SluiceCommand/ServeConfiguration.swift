internal import AdminHTTP
internal import ArgumentParser
internal import Configuration
internal import FleetCore
internal import GatewayCoordinator
internal import GatewayWorker
internal import HTTPCore
internal import Logs
internal import SystemIO
internal import TLS
internal import WebSocketCore

/// What `sluice serve` does, made of the options in force.
struct ServeConfiguration {
  let endpoints: [Endpoint]
  let worker: WorkerOptions
  let eventLoop: EventLoopChoice
  let workers: Int
  let adminSocket: String
  let adminListen: SocketAddress?
  /// For the workers: TOML, secrets included.
  let handedOn: [UInt8]
  let drain: DrainPlan
  let logLevel: LogLevel
  let logFormat: LogFormat

  /// Files that are open besides the connections.
  static let filesReserved = 64

  /// Checks what options mean together. `filesMax` is how many files this process may have open.
  init(_ values: ConfigurationValues, filesMax: Int) throws(Mistakes) {
    var mistakes: [Mistake] = []
    let tls = Self.tlsConfiguration(values, &mistakes)
    endpoints = values[ServeOptions.listen].map { listen in
      let isUnix = if case .unix = listen.address { true } else { false }
      return Endpoint(
        address: listen.address, speaksTLS: tls != nil && !listen.isPlain && !isUnix)
    }
    if endpoints.isEmpty {
      mistakes.append(
        Mistake(
          values.place(of: ServeOptions.listen), "there is nowhere to listen",
          remedy: "name an address, or leave listen out"))
    }
    var worker = WorkerOptions()
    worker.tls = tls
    worker.setProxies(values, &mistakes)
    worker.setLimits(values)
    worker.setDeadlines(values)
    worker.connectionsMax = Self.connectionsMax(values, filesMax: filesMax, &mistakes)
    do throws(OriginError) {
      worker.origins = try OriginPolicy(allowing: values[ServeOptions.origin])
    } catch {
      mistakes.append(Mistake(values.place(of: ServeOptions.origin), "\(error)"))
    }
    worker.subprotocols = values[ServeOptions.subprotocol]
    self.worker = worker
    drain = DrainPlan(
      preDrainDelayMilliseconds: values[ServeOptions.preDrainDelay].milliseconds,
      windowMilliseconds: values[ServeOptions.drainWindow].milliseconds,
      deadlineMilliseconds: values[ServeOptions.drainDeadline].milliseconds)
    if drain.preDrainDelayMilliseconds + drain.windowMilliseconds > drain.deadlineMilliseconds {
      mistakes.append(
        Mistake(
          values.place(of: ServeOptions.drainDeadline),
          "the deadline comes before the end of the drain window",
          remedy: "set drain-deadline to more than drain-window and pre-drain-delay together"))
    }
    workers = values[ServeOptions.workers]
    adminListen = values[ServeOptions.adminListen]
    handedOn = Array(values.handedOnTOML.utf8)
    adminSocket =
      values[ServeOptions.adminSocket]
      ?? AdminSocketPath.standard(
        for: endpoints.first?.address ?? ListenAddress.standard.address,
        environment: ProcessEnvironment.variables())
    eventLoop = values[ServeOptions.eventLoop]
    logLevel = values[ServeOptions.logLevel]
    logFormat =
      switch values[ServeOptions.logFormat] {
      case .auto: StandardStream.error.isTerminal ? .text : .json
      case .text: .text
      case .json: .json
      case .logfmt: .logfmt
      }
    if !mistakes.isEmpty { throw Mistakes(mistakes) }
  }

  /// Nil without a certificate.
  private static func tlsConfiguration(
    _ values: ConfigurationValues, _ mistakes: inout [Mistake]
  ) -> TLSConfiguration? {
    let certificates = values[ServeOptions.tlsCertificate]
    let keys = values[ServeOptions.tlsKey]
    let clientCA = values[ServeOptions.tlsClientCA]
    let isRequired = values[ServeOptions.tlsRequireClientCertificate]
    if certificates.isEmpty {
      for (isSet, place) in [
        (!keys.isEmpty, values.place(of: ServeOptions.tlsKey)),
        (clientCA != nil, values.place(of: ServeOptions.tlsClientCA)),
        (isRequired, values.place(of: ServeOptions.tlsRequireClientCertificate)),
      ] where isSet {
        mistakes.append(
          Mistake(place, "TLS needs a certificate", remedy: "set tls-certificate too"))
      }
      return nil
    }
    if !keys.isEmpty && keys.count != certificates.count {
      mistakes.append(
        Mistake(
          values.place(of: ServeOptions.tlsKey),
          "certificates: \(certificates.count), but keys: \(keys.count)",
          remedy: "give one key for each certificate, or none when the keys lie with them"))
    }
    if isRequired && clientCA == nil {
      mistakes.append(
        Mistake(
          values.place(of: ServeOptions.tlsRequireClientCertificate),
          "there is nothing to check clients' certificates by", remedy: "set tls-client-ca too"))
    }
    var configuration = TLSConfiguration(
      certificates: certificates.enumerated().map { index, file in
        TLSConfiguration.CertificateFiles(
          chainFile: file, keyFile: index < keys.count ? keys[index] : nil)
      })
    configuration.minimumVersion =
      switch values[ServeOptions.tlsMinVersion] {
      case .tls12: .tls12
      case .tls13: .tls13
      }
    if let clientCA {
      configuration.clientCertificates =
        isRequired ? .required(caFile: clientCA) : .requested(caFile: clientCA)
    }
    return configuration
  }

  private static func connectionsMax(
    _ values: ConfigurationValues, filesMax: Int, _ mistakes: inout [Mistake]
  ) -> Int {
    let possible = max(1, filesMax - filesReserved)
    guard let wanted = values[ServeOptions.maxConnections] else { return possible }
    if wanted > filesMax - filesReserved {
      mistakes.append(
        Mistake(
          values.place(of: ServeOptions.maxConnections),
          "\(wanted) connections need a limit on open files of at least "
            + "\(wanted + filesReserved), but it is \(filesMax)",
          remedy: "raise it (ulimit -Hn, or LimitNOFILE= in a systemd unit)"))
    }
    return wanted
  }
}

extension WorkerOptions {
  fileprivate mutating func setProxies(
    _ values: ConfigurationValues, _ mistakes: inout [Mistake]
  ) {
    for proxy in values[ServeOptions.trustedProxy] {
      switch proxy {
      case .unixPeers: trustsUnixPeers = true
      case .network(let network): trustedProxies.append(network)
      }
    }
    expectsProxyHeader = values[ServeOptions.proxyProtocol]
    if expectsProxyHeader && values[ServeOptions.trustedProxy].isEmpty {
      mistakes.append(
        Mistake(
          values.place(of: ServeOptions.proxyProtocol), "the header is believed from nobody",
          remedy: "set trusted-proxy too"))
    }
    forwardedFields =
      switch values[ServeOptions.forwardedField] {
      case .xForwardedFor: .xForwardedFor
      case .forwarded: .forwarded
      case .either: .either
      }
  }

  fileprivate mutating func setLimits(_ values: ConfigurationValues) {
    messageLimits = MessageLimits(
      messageBytesMax: values[ServeOptions.maxMessageSize].bytes,
      fragmentsMax: values[ServeOptions.maxFragments])
    httpLimits = HTTPLimits(
      headBytesMax: values[ServeOptions.maxHeadSize].bytes,
      headerFieldsMax: values[ServeOptions.maxHeaderFields])
    messagesPerSecondMax = UInt32(clamping: values[ServeOptions.maxMessagesPerSecond])
    controlFramesPerSecondMax = UInt32(clamping: values[ServeOptions.maxControlFramesPerSecond])
    sendQueueBytesMax = values[ServeOptions.sendQueueLimit].bytes
    memoryBytesMax = values[ServeOptions.memoryBudget].bytes
    connectionsPerAddressMax = values[ServeOptions.maxConnectionsPerAddress]
    handshakesPerAddressMax = values[ServeOptions.maxHandshakesPerAddress]
  }

  fileprivate mutating func setDeadlines(_ values: ConfigurationValues) {
    handshakeMilliseconds = values[ServeOptions.handshakeTimeout].milliseconds
    keepAliveMilliseconds = values[ServeOptions.keepAliveTimeout].milliseconds
    pingIntervalMilliseconds = values[ServeOptions.pingInterval].milliseconds
    pongMilliseconds = values[ServeOptions.pongTimeout].milliseconds
    closeMilliseconds = values[ServeOptions.closeTimeout].milliseconds
    drain = WorkerDrain(
      windowMilliseconds: values[ServeOptions.drainWindow].milliseconds,
      deadlineMilliseconds: values[ServeOptions.drainDeadline].milliseconds,
      retryHintMilliseconds: drain.retryHintMilliseconds)
  }
}

extension ServeConfiguration {
  /// What the coordinator is told.
  var coordinator: CoordinatorOptions {
    var options = CoordinatorOptions(
      addresses: endpoints.map(\.address), workers: workers, adminSocket: adminSocket,
      version: Sluice.configuration.version)
    options.policy.drain = drain
    options.adminAddress = adminListen
    return options
  }
}

extension ServeConfiguration {
  /// Reads them as the workers will, so that what is wrong with them is told once, and before
  /// anything depends on it.
  func checkCertificates() throws(TLSConfigurationError) {
    if let tls = worker.tls { _ = try TLSServerContext(tls, ticketKeys: [.random()]) }
  }
}

/// What a worker tells the coordinator. One packet each, in order.
package enum WorkerMessage: Hashable, Sendable {
  /// It has its configuration and could accept; it begins with `start`.
  case ready
  /// Sent by the event loop, every ``FleetPolicy/heartbeatMilliseconds``.
  case heartbeat(WorkerFigures)
  /// The answer to `stopAccepting`: what was queued is accepted, the descriptors are closed.
  case queueEmpty(SlotID)
  /// All connections are gone; the process exits now. The last figures.
  case drained(WorkerFigures)
  /// The answer to `reload`: nil, or what is wrong; then nothing has changed.
  case reloaded(problem: String?)
  /// Connections, a line each, and the number to go on after, when there are more.
  case connections(request: UInt64, body: [UInt8], next: UInt64?)
  /// So many connections were closed.
  case disconnected(request: UInt64, count: UInt64)
  /// Something that people should know; before `ready`: why it can't start, and exits.
  case failed(String)
}

extension WorkerMessage {
  /// One packet of at most 128 KiB.
  ///
  /// - Throws: ``ControlMessageError/tooLong(_:)``.
  package func encoded() throws(ControlMessageError) -> [UInt8] {
    try packet.encoded()
  }

  private var packet: ControlPacket {
    var packet = ControlPacket(verb: verb.rawValue)
    switch self {
    case .ready:
      break
    case .heartbeat(let figures), .drained(let figures):
      packet.set("counter.", figures.counters)
      packet.set("gauge.", figures.gauges)
    case .queueEmpty(let slot):
      packet.set("slot", UInt64(slot.index))
    case .reloaded(let problem):
      if let problem { packet.set("problem", problem) }
    case .connections(let request, let body, let next):
      packet.set("request", request)
      if let next { packet.set("next", next) }
      packet.body = body
    case .disconnected(let request, let count):
      packet.set("request", request)
      packet.set("count", count)
    case .failed(let reason):
      packet.set("reason", reason)
    }
    return packet
  }

  /// Reads a packet.
  ///
  /// - Throws: ``ControlMessageError``. Unknown keys are ignored.
  package init(decoding bytes: Span<UInt8>) throws(ControlMessageError) {
    let packet = try ControlPacket(decoding: bytes)
    guard let verb = Verb(rawValue: packet.verb) else { throw .unknownVerb(packet.verb) }
    switch verb {
    case .ready: self = .ready
    case .heartbeat: self = .heartbeat(try packet.figures())
    case .queueEmpty: self = .queueEmpty(try packet.slot())
    case .drained: self = .drained(try packet.figures())
    case .reloaded:
      self = .reloaded(problem: packet.has("problem") ? try packet.text("problem") : nil)
    case .connections:
      self = .connections(
        request: try packet.number("request"), body: packet.body,
        next: packet.has("next") ? try packet.number("next") : nil)
    case .disconnected:
      self = .disconnected(
        request: try packet.number("request"), count: try packet.number("count"))
    case .failed: self = .failed(try packet.text("reason"))
    }
  }

  private enum Verb: String {
    case ready, heartbeat, drained, reloaded, connections, disconnected, failed
    case queueEmpty = "queue-empty"
  }

  private var verb: Verb {
    switch self {
    case .ready: .ready
    case .heartbeat: .heartbeat
    case .queueEmpty: .queueEmpty
    case .drained: .drained
    case .reloaded: .reloaded
    case .connections: .connections
    case .disconnected: .disconnected
    case .failed: .failed
    }
  }
}

extension ControlPacket {
  fileprivate func figures() throws(ControlMessageError) -> WorkerFigures {
    WorkerFigures(counters: try numbers("counter."), gauges: try numbers("gauge."))
  }
}

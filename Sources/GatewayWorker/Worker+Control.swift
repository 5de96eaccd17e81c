internal import FleetCore
internal import Logs
internal import SystemIO
internal import TLS
internal import WebSocketCore

// What the coordinator says, and what it is told.

extension Worker where Loop: ~Copyable {
  /// As FleetPolicy has it.
  private static var heartbeatMilliseconds: UInt64 { 250 }
  /// How long a worker serves on without a coordinator, until a supervisor has started a
  /// new one on the same addresses.
  private static var orphanMilliseconds: UInt64 { 10_000 }

  /// The worker could accept: tells so, and begins to send heartbeats.
  mutating func reportReady() throws(SystemError) {
    controlToken = try loop.watch(readable: control.socket.descriptor.rawValue)
    heartbeatTimer = loop.makeTimer()
    control.send(.ready)
    beat()
  }

  mutating func beat() {
    control.send(.heartbeat(figures))
    if let heartbeatTimer {
      loop.setTimer(on: heartbeatTimer, after: Self.heartbeatMilliseconds)
    }
  }

  var figures: WorkerFigures {
    var figures = WorkerFigures(counters: counters.figures)
    figures.counters[FigureName.drainClosed] = drainClosed
    figures.counters[FigureName.drainForced] = drainForced
    figures.counters[FigureName.drainDiscardedBytes] = drainDiscardedBytes
    figures.counters["bytes_received"] = loop.bytesReceivedInAll
    figures.counters["bytes_sent"] = loop.bytesHandedOverInAll
    figures.counters["cpu_microseconds"] = CPUClock.currentProcess() / 1000
    figures.gauges[FigureName.connections] = UInt64(connections.count)
    figures.gauges["channels"] = UInt64(channels.count)
    figures.gauges["resident_memory_bytes"] = OwnMemory.residentBytes()
    figures.gauges["queued_bytes"] = UInt64(loop.queuedBytesInAll)
    return figures
  }

  mutating func receiveControl() {
    while true {
      switch control.receive() {
      case .message(let message, let descriptors): follow(message, descriptors)
      case .misunderstood(let text): control.send(.failed(text))
      case .nothing: return
      case .end:
        coordinatorIsGone()
        return
      }
    }
  }

  private mutating func follow(
    _ message: CoordinatorMessage, _ descriptors: consuming ReceivedDescriptors
  ) {
    switch message {
    case .configure: control.send(.failed("the configuration came a second time"))
    case .start: startAccepting()
    case .adopt(let slot): adopt(slot, descriptors)
    case .release(let slot): stopAccepting(slot, tells: false)
    case .stopAccepting(let slot): stopAccepting(slot, tells: true)
    case .drain(let times): beginDrain(times)
    case .cancelDrain: cancelDrain()
    case .closeAll:
      for index in attended.keys { loop.stopListening(on: index) }
      beginDrain(Self.atOnce)
    case .reload(let body):
      start.reload.offer(body)
      reloader.begin()
    case .ticketKeys(let keys): certificates?.setTicketKeys(keys.map { TicketKey(bytes: $0) })
    case .listConnections(let request, let limit, let after):
      let (body, next) = connectionList(limit: limit, after: after)
      control.send(.connections(request: request, body: body, next: next))
    case .disconnect(let request, let selector, let code):
      let count = disconnect(selector, CloseCode(rawValue: code))
      control.send(.disconnected(request: request, count: count))
    }
  }

  /// Everything is closed now, as far as the peers answer quickly.
  private static var atOnce: WorkerDrain {
    WorkerDrain(
      windowMilliseconds: 0, deadlineMilliseconds: 800, retryHintMilliseconds: 0...2_000)
  }

  /// Serves on for a while: a supervisor may start another one, which listens on the same
  /// addresses. Then what is queued is accepted, and everyone sent away.
  private mutating func coordinatorIsGone() {
    log.write(.error, "the coordinator is gone")
    if let controlToken { loop.close(controlToken, discardingOutput: true) }
    controlToken = nil
    closeInherited()
    if attended.isEmpty && connections.count == 0 {
      isStopped = true
      return
    }
    let timer = loop.makeTimer()
    loop.setTimer(on: timer, after: Self.orphanMilliseconds)
    orphanTimer = timer
  }

  mutating func drainAsOrphan() {
    loop.stopListening()
    beginDrain(options.drain)
  }
}

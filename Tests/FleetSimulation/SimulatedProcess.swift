import FleetCore

/// A worker's process, as far as the coordinator can notice it.
struct SimulatedProcess {
  let id: WorkerID
  let pid: Int32
  /// Neither heartbeat nor answer, and no message is read.
  var hangs = false
  /// It no longer runs, whether or not it has been reaped.
  var isDead = false
  var wasKilled = false
  /// It sends `drained`, and exits.
  var exits = false
  /// It closes connections; the number is that of the message, so that an end that was
  /// planned for an earlier one doesn't count.
  var drain: Int?
  var drains = 0
  /// It takes no notice of deadlines.
  var isStubborn = false
  var connections: UInt64 = 0
  var counters: [String: UInt64] = ["messages": 0, FigureName.drainClosed: 0]
  /// What the coordinator has told it to attend; what it does attend follows.
  var told: Set<SlotID> = []
  /// How often it was told to accept the queue of a slot and has not answered.
  var unanswered: [SlotID: Int] = [:]
  /// When the last message that is under way arrives, either way: they keep their order.
  var lastArrival: UInt64 = 0
  var lastDeparture: UInt64 = 0

  init(id: WorkerID, pid: Int32) {
    self.id = id
    self.pid = pid
  }

  var figures: WorkerFigures {
    WorkerFigures(counters: counters, gauges: [FigureName.connections: connections])
  }
}

internal import FleetCore
internal import GatewayCoordinator
internal import GatewayWorker
internal import Logs
internal import SystemIO

/// What the coordinator has to tell, as lines of the log; and the one line on standard
/// output that scripts wait for.
enum FleetLog {
  static func tell(_ news: FleetNews, _ endpoints: [Endpoint], _ log: Log) {
    switch news {
    case .listening(let addresses):
      let urls = zip(addresses, endpoints).map { address, endpoint in
        Endpoint(address: address, speaksTLS: endpoint.speaksTLS).url
      }
      log.flush()
      StandardStream.output.print("sluice: listening on \(urls.joined(separator: " "))")
    case .fleet(let report):
      tell(report, log)
    case .misunderstood(let worker, let text):
      log.write(.warning, "a worker's message makes no sense") { line in
        line.add("worker", "\(worker)")
        line.add("error", text)
      }
    case .reloaded(let changed, let waiting):
      log.write(.notice, "configuration reloaded") { line in
        if !changed.isEmpty { line.add("changed", changed.joined(separator: ",")) }
      }
      if !waiting.isEmpty {
        log.write(.warning, "applied by restart") {
          $0.add("options", waiting.joined(separator: ","))
        }
      }
    case .reloadRefused(let problems):
      for problem in problems {
        log.write(.error, "configuration not reloaded, the old values stay") {
          $0.add("error", problem)
        }
      }
    }
  }

  private static func tell(_ report: FleetReport, _ log: Log) {
    switch report {
    case .workerSpawned(let worker, let pid):
      log.write(.debug, "worker started") { line in
        line.add("worker", "\(worker)")
        line.add("pid", Int(pid))
      }
    case .spawnFailed(let worker, let reason):
      log.write(.error, "worker could not be started") { line in
        line.add("worker", "\(worker)")
        line.add("error", reason)
      }
    case .workerReady(let worker, let after):
      log.write(.info, "worker ready") { line in
        line.add("worker", "\(worker)")
        line.add("after_ms", after)
      }
    case .workerFailed(let worker, let reason):
      log.write(.error, "worker failed") { line in
        line.add("worker", "\(worker)")
        line.add("error", reason)
      }
    case .startTimedOut(let worker):
      log.write(.error, "worker not ready in time; killed") { $0.add("worker", "\(worker)") }
    case .workerHung(let worker, let silent):
      log.write(.error, "worker hangs; killed") { line in
        line.add("worker", "\(worker)")
        line.add("silent_ms", silent)
      }
    case .workerCrashed(let worker, let cause, let connections):
      log.write(.error, "worker crashed") { line in
        line.add("worker", "\(worker)")
        line.add("cause", "\(cause)")
        line.add("connections", connections)
      }
    case .workerEnded(let worker, let cause):
      log.write(.info, "worker ended") { line in
        line.add("worker", "\(worker)")
        line.add("cause", "\(cause)")
      }
    case .drainForced(let worker, let connections):
      log.write(.warning, "worker killed at the drain deadline") { line in
        line.add("worker", "\(worker)")
        line.add("connections", connections)
      }
    case .restartScheduled(let slot, let milliseconds, let failures):
      log.write(.warning, "worker is started again") { line in
        line.add("worker", "\(slot)")
        line.add("in_ms", milliseconds)
        line.add("failures", failures)
      }
    case .slotAdopted(let slot, let worker):
      log.write(.info, "listeners adopted") { line in
        line.add("worker", "\(slot)")
        line.add("by", "\(worker)")
      }
    case .slotOpenFailed(let slot, let reason):
      log.write(.error, "listeners could not be opened") { line in
        line.add("worker", "\(slot)")
        line.add("error", reason)
      }
    case .queueAbandoned(let slot):
      log.write(.warning, "listeners closed, perhaps with connections in their queue") {
        $0.add("worker", "\(slot)")
      }
    case .coordinatorStalled(let milliseconds):
      log.write(.warning, "the coordinator itself stood still") {
        $0.add("stalled_ms", milliseconds)
      }
    case .operationStarted(let id, let kind):
      log.write(.notice, "operation started") { line in
        line.add("operation", "\(kind)")
        line.add("id", id.number)
      }
    case .operationEnded(let id, let kind, let outcome):
      log.write(.notice, "operation ended") { line in
        line.add("operation", "\(kind)")
        line.add("id", id.number)
        line.add("outcome", "\(outcome)")
      }
    }
  }
}

internal import AdminHTTP
internal import FleetCore
internal import FoundationEssentials
internal import HTTPCore
internal import SystemIO

// What the admin socket answers. Commands only there; probes and metrics on the TCP
// address too.

extension Coordinator {
  /// Nil when the answer comes later.
  mutating func answer(_ request: AdminRequest, _ token: Token) -> AdminResponse? {
    let takesCommands = request.listener == commandListener
    // Besides the socket's mode, which somebody may have changed.
    if takesCommands && !isOurs(token) {
      return .failure(.forbidden, "only the gateway's own user and root may command it")
    }
    if !takesCommands && !AdminHost.isAllowed(request.host) {
      return .failure(.misdirectedRequest, "this is not a host of mine: use an address")
    }
    switch (request.method, request.path) {
    case (.get, "/healthz"), (.head, "/healthz"):
      return .text(.ok, "ok")
    case (.get, "/readyz"), (.head, "/readyz"):
      return fleet.status(at: loop.now).isReady
        ? .text(.ok, "ready") : .text(.serviceUnavailable, "not ready")
    case (.get, "/metrics"), (.head, "/metrics"):
      return AdminResponse(
        .ok, contentType: "text/plain; version=0.0.4; charset=utf-8", Array(metrics().utf8))
    default:
      if !takesCommands { return .failure(.notFound, "not found") }
      if let unknown = request.query.unknown(besides: Self.parameters(of: request)) {
        return .failure(.badRequest, "there is no parameter '\(unknown)' here")
      }
      switch (request.method, request.path) {
      case (.get, "/connections"): return connections(request.query, token)
      case (.post, "/disconnect"): return disconnect(request.query, token)
      default: return command(request)
      }
    }
  }

  private mutating func connections(_ query: QueryParameters, _ token: Token) -> AdminResponse? {
    do throws(AdminMistake) {
      let limit = query["limit"] == nil ? 100 : try query.number("limit")
      askForConnections(token, limit: min(limit, Self.connectionsListedMax))
      return nil
    } catch {
      return .failure(.badRequest, error.text)
    }
  }

  private mutating func disconnect(_ query: QueryParameters, _ token: Token) -> AdminResponse? {
    do throws(AdminMistake) {
      let code = query["code"] == nil ? 1001 : try query.number("code")
      guard 1000...1003 ~= code || 1007...1014 ~= code || 3000...4999 ~= code else {
        throw AdminMistake(text: "code \(code) is not for close frames (RFC 6455, 7.4)")
      }
      let (selector, worker) = try query.selector()
      askToDisconnect(token, selector, worker: worker, code: UInt16(code))
      return nil
    } catch {
      return .failure(.badRequest, error.text)
    }
  }

  private func isOurs(_ token: Token) -> Bool {
    guard let peer = loop.peerCredentials(of: token) else { return false }
    return peer.userID == 0 || peer.userID == PeerCredentials.ownUserID
  }

  private mutating func command(_ request: AdminRequest) -> AdminResponse {
    let usual = options.policy.drain
    switch (request.method, request.path) {
    case (.get, "/status"):
      return .json(.ok, gatewayStatus())
    case (.get, "/drain"):
      guard let drain = gatewayStatus().drain else {
        return .failure(.notFound, "nothing is being drained")
      }
      return .json(.ok, drain)
    case (.get, "/operation"):
      return operation(request.query["id"])
    case (.post, "/drain"):
      return started(request) { query throws(AdminMistake) in
        .drain(try query.target(), try query.plan(usual))
      }
    case (.delete, "/drain"):
      return started(request) { _ in .cancelDrain }
    case (.put, "/drain"):
      return started(request) { query throws(AdminMistake) in
        .changeDrain(
          windowMilliseconds: try query.milliseconds("window_ms")
            ?? usual.windowMilliseconds,
          deadlineMilliseconds: try query.milliseconds("deadline_ms")
            ?? usual.deadlineMilliseconds)
      }
    case (.post, "/restart"):
      return started(request) { query throws(AdminMistake) in .restart(try query.target()) }
    case (.post, "/scale"):
      return started(request) { query throws(AdminMistake) in
        .scale(to: try query.number("workers"))
      }
    case (.post, "/reload"):
      beginReload()
      return .json(.accepted, reloadStatus())
    case (.get, "/reload"):
      return .json(.ok, reloadStatus())
    case (_, "/status"), (_, "/drain"), (_, "/operation"), (_, "/restart"), (_, "/scale"),
      (_, "/reload"):
      return .failure(.methodNotAllowed, "\(request.method.name) is not for \(request.path)")
    default:
      return .failure(.notFound, "there is no \(request.path)")
    }
  }

  private static func parameters(of request: AdminRequest) -> [String] {
    switch (request.method, request.path) {
    case (.get, "/operation"): ["id"]
    case (.post, "/drain"): ["worker", "window_ms", "deadline_ms", "pre_drain_delay_ms"]
    case (.put, "/drain"): ["window_ms", "deadline_ms"]
    case (.post, "/restart"): ["worker"]
    case (.post, "/scale"): ["workers"]
    case (.get, "/connections"): ["limit"]
    case (.post, "/disconnect"): ["id", "address", "channel", "code"]
    default: []
    }
  }

  /// Asks the fleet, and tells what it said.
  private mutating func started(
    _ request: AdminRequest, _ make: (QueryParameters) throws(AdminMistake) -> FleetCommand
  ) -> AdminResponse {
    let command: FleetCommand
    do throws(AdminMistake) {
      command = try make(request.query)
    } catch {
      return .failure(.badRequest, error.text)
    }
    switch self.request(command) {
    case .started(let id), .running(let id, _):
      return .json(
        .accepted,
        AdminHTTP.OperationStatus(
          id: id.number, kind: command.name, state: "running", text: ""))
    case .done:
      return .json(
        .ok, AdminHTTP.OperationStatus(id: 0, kind: command.name, state: "done", text: ""))
    case .refused(let refusal):
      return .failure(.conflict, "\(refusal)")
    }
  }

  private func operation(_ id: String?) -> AdminResponse {
    guard let id = id.flatMap({ UInt64($0) }) else {
      return .failure(.badRequest, "which operation? GET /operation?id=NUMBER")
    }
    let running = fleet.status(at: loop.now).operation
    if let running, running.id.number == id {
      return .json(
        .ok,
        AdminHTTP.OperationStatus(
          id: id, kind: running.kind.name, state: "running", text: "\(running.kind)"))
    }
    guard let ended = outcomes.last(where: { $0.id.number == id }) else {
      return .failure(.notFound, "operation \(id) is not known (any more)")
    }
    return .json(
      .ok,
      AdminHTTP.OperationStatus(
        id: id, kind: ended.kind.name, state: ended.outcome == .done ? "done" : "failed",
        text: "\(ended.outcome)"))
  }

  private func reloadStatus() -> AdminHTTP.OperationStatus {
    guard let progress = reloadProgress else {
      return AdminHTTP.OperationStatus(id: 0, kind: "reload", state: "done", text: "")
    }
    let state =
      progress.isRunning ? "running" : progress.problems.isEmpty ? "done" : "failed"
    var text = progress.problems.joined(separator: "\n")
    if !progress.waiting.isEmpty && text.isEmpty {
      text = "applied by restart: \(progress.waiting.joined(separator: ", "))"
    }
    return AdminHTTP.OperationStatus(
      id: progress.id, kind: "reload", state: state, text: text)
  }
}

/// What is wrong with a command's parameters.
struct AdminMistake: Error {
  let text: String
}

extension QueryParameters {
  /// A parameter that would be ignored, such as one that is misspelled, or given twice.
  fileprivate func unknown(besides known: [String]) -> String? {
    var rest = known
    for pair in pairs {
      guard let index = rest.firstIndex(of: pair.name) else { return pair.name }
      rest.remove(at: index)
    }
    return nil
  }

  /// `worker=N`; all without it.
  fileprivate func target() throws(AdminMistake) -> FleetTarget {
    guard self["worker"] != nil else { return .all }
    return .slot(SlotID(try number("worker")))
  }

  fileprivate func number(_ name: String) throws(AdminMistake) -> Int {
    guard let text = self[name], let number = Int(text), number >= 0 else {
      throw AdminMistake(text: "\(name) is a number")
    }
    return number
  }

  fileprivate func milliseconds(_ name: String) throws(AdminMistake) -> UInt64? {
    guard let text = self[name] else { return nil }
    guard let number = UInt64(text), number <= DrainPlan.millisecondsMax else {
      throw AdminMistake(text: "\(name) is a number of milliseconds")
    }
    return number
  }

  /// Which connections are meant: exactly one of `id=WORKER-NUMBER`, `address` and `channel`.
  fileprivate func selector() throws(AdminMistake) -> (ConnectionSelector, worker: UInt64?) {
    switch (self["id"], self["address"], self["channel"]) {
    case (let id?, nil, nil):
      let numbers = id.split(separator: "-").compactMap { UInt64($0) }
      guard numbers.count == 2 else {
        throw AdminMistake(text: "an id is WORKER-NUMBER, as GET /connections tells it")
      }
      return (.connection(numbers[1]), numbers[0])
    case (nil, let address?, nil): return (.address(address), nil)
    case (nil, nil, let channel?): return (.channel(channel), nil)
    default: throw AdminMistake(text: "say whom: one of id, address and channel")
    }
  }

  /// The times of a drain that differ from the usual ones.
  fileprivate func plan(_ usual: DrainPlan) throws(AdminMistake) -> DrainPlan {
    let window = try milliseconds("window_ms")
    var plan = usual
    if let window {
      plan.windowMilliseconds = window
      plan.deadlineMilliseconds = window + 1_000
    }
    if let deadline = try milliseconds("deadline_ms") { plan.deadlineMilliseconds = deadline }
    if let delay = try milliseconds("pre_drain_delay_ms") {
      plan.preDrainDelayMilliseconds = delay
    }
    guard plan.windowMilliseconds + plan.preDrainDelayMilliseconds <= plan.deadlineMilliseconds
    else {
      throw AdminMistake(text: "the deadline comes before the end of the window")
    }
    return plan
  }
}

extension AdminResponse {
  static func text(_ status: HTTPStatus, _ text: String) -> AdminResponse {
    AdminResponse(status, contentType: "text/plain; charset=utf-8", Array("\(text)\n".utf8))
  }

  static func json(_ status: HTTPStatus, _ value: some Encodable) -> AdminResponse {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(value) else {
      return .failure(.internalServerError, "the answer can't be written")
    }
    return AdminResponse(status, contentType: "application/json", Array(data) + [0x0A])
  }

  static func failure(_ status: HTTPStatus, _ text: String) -> AdminResponse {
    .json(status, AdminFailure(error: text))
  }
}

/// Against pages that have a name of their own resolve to us (DNS rebinding): an address
/// can't be taken over like that.
enum AdminHost {
  static func isAllowed(_ host: String?) -> Bool {
    guard let host else { return true }  // HTTP/1.0 of a probe; no browser speaks it
    var name = Substring(host)
    if let colon = name.lastIndex(of: ":"), !name.hasSuffix("]") { name = name[..<colon] }
    return name.hasPrefix("[") || name == "localhost"
      || name.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") }
  }
}

extension FleetCommand {
  fileprivate var name: String {
    switch self {
    case .restart: "restart"
    case .scale: "scale"
    case .drain, .changeDrain, .cancelDrain, .closeAll: "drain"
    case .upgrade: "upgrade"
    }
  }
}

extension OperationKind {
  var name: String {
    switch self {
    case .restart: "restart"
    case .scale: "scale"
    case .drain: "drain"
    case .upgrade: "upgrade"
    }
  }
}

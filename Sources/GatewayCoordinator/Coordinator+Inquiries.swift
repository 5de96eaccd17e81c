internal import AdminHTTP
internal import FleetCore
internal import HTTPCore
internal import SystemIO

// Questions that the workers answer: whoever asked waits until all have.

/// A question on its way.
struct Inquiry {
  let token: Token
  let kind: Kind
  var unanswered: Set<WorkerID>
  let deadline: UInt64

  enum Kind {
    case connections(limit: Int, found: [ConnectionStatus], hasMore: Bool)
    case disconnect(count: UInt64)
  }
}

extension Coordinator {
  private static var inquiryMilliseconds: UInt64 { 2_000 }
  static var connectionsListedMax: Int { 10_000 }

  mutating func askForConnections(_ token: Token, limit: Int) {
    ask(token, .connections(limit: limit, found: [], hasMore: false), of: Array(workers.keys)) {
      .listConnections(request: $0, limit: UInt64(limit), after: 0)
    }
  }

  /// `worker`: the generation of the only one that is asked; nil for all.
  mutating func askToDisconnect(
    _ token: Token, _ selector: ConnectionSelector, worker: UInt64?, code: UInt16
  ) {
    let asked = workers.keys.filter { worker == nil || $0.generation == worker }
    ask(token, .disconnect(count: 0), of: asked) {
      .disconnect(request: $0, selector, code: code)
    }
  }

  private mutating func ask(
    _ token: Token, _ kind: Inquiry.Kind, of asked: [WorkerID],
    _ message: (UInt64) -> CoordinatorMessage
  ) {
    inquiryNumber += 1
    inquiries[inquiryNumber] = Inquiry(
      token: token, kind: kind, unanswered: Set(asked),
      deadline: loop.now + Self.inquiryMilliseconds)
    for worker in asked {
      if workers[worker]?.send(message(inquiryNumber), descriptors: []) != true {
        inquiries[inquiryNumber]?.unanswered.remove(worker)
      }
    }
    endIfAnswered(inquiryNumber)
  }

  mutating func heardConnections(
    _ number: UInt64, _ body: [UInt8], next: UInt64?, from worker: WorkerID
  ) {
    guard case .connections(let limit, var found, var hasMore)? = inquiries[number]?.kind else {
      return
    }
    for line in body.split(separator: UInt8(ascii: "\n")) where found.count < limit {
      if let connection = ConnectionStatus(line, of: worker) { found.append(connection) }
    }
    if let next {
      if found.count < limit,
        workers[worker]?.send(
          .listConnections(
            request: number, limit: UInt64(limit - found.count), after: next), descriptors: [])
          == true
      {
        update(number, .connections(limit: limit, found: found, hasMore: hasMore), nil)
        return
      }
      hasMore = true
    }
    update(number, .connections(limit: limit, found: found, hasMore: hasMore), worker)
  }

  mutating func heardDisconnected(_ number: UInt64, _ count: UInt64, from worker: WorkerID) {
    guard case .disconnect(let sum)? = inquiries[number]?.kind else { return }
    update(number, .disconnect(count: sum + count), worker)
  }

  /// `answered`: who has nothing more to say.
  private mutating func update(_ number: UInt64, _ kind: Inquiry.Kind, _ answered: WorkerID?) {
    guard let inquiry = inquiries[number] else { return }
    var unanswered = inquiry.unanswered
    if let answered { unanswered.remove(answered) }
    inquiries[number] = Inquiry(
      token: inquiry.token, kind: kind, unanswered: unanswered, deadline: inquiry.deadline)
    endIfAnswered(number)
  }

  private mutating func endIfAnswered(_ number: UInt64) {
    guard let inquiry = inquiries[number], inquiry.unanswered.isEmpty else { return }
    inquiries[number] = nil
    let response: AdminResponse =
      switch inquiry.kind {
      case .connections(_, let found, let hasMore):
        .json(.ok, ConnectionList(connections: found, hasMore: hasMore))
      case .disconnect(let count):
        .json(.ok, Disconnected(count: count))
      }
    admin.respond(to: inquiry.token, response, in: &loop)
  }

  /// Somebody doesn't answer: a worker that hangs, or has gone.
  mutating func endOldInquiries() {
    for (number, inquiry) in inquiries where inquiry.deadline <= loop.now {
      inquiries[number] = nil
      admin.respond(
        to: inquiry.token,
        .failure(
          .gatewayTimeout,
          "worker \(inquiry.unanswered.map { "\($0.slot)" }.joined(separator: ", ")) doesn't answer"
        ),
        in: &loop)
    }
  }

  /// One that is gone has nothing more to say.
  mutating func forgetInquiries(of worker: WorkerID) {
    for (number, inquiry) in inquiries where inquiry.unanswered.contains(worker) {
      update(number, inquiry.kind, worker)
    }
  }
}

extension ConnectionStatus {
  /// A line as a worker writes it.
  fileprivate init?(_ line: ArraySlice<UInt8>, of worker: WorkerID) {
    let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard fields.count == 8, let milliseconds = UInt64(fields[4]), let bytesIn = UInt64(fields[5]),
      let bytesOut = UInt64(fields[6]), let messagesIn = UInt64(fields[7])
    else { return nil }
    self.init(
      id: "\(worker.generation)-\(fields[0])", peer: fields[1], path: fields[2],
      channel: fields[3].isEmpty ? nil : fields[3], durationSeconds: Double(milliseconds) / 1000,
      bytesIn: bytesIn, bytesOut: bytesOut, messagesIn: messagesIn)
  }
}

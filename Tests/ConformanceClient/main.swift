// Runs through the cases of Autobahn's fuzzing server with the client half of the
// engine: every message comes back as it came.
//
//     ConformanceClient ws://127.0.0.1:9001 [AGENT]
//     ConformanceClient wss://localhost:9001 AGENT CA-FILE

import Glibc
import SystemIO
import TLS
import WebSocketClient
import WebSocketCore

struct Failure: Error, CustomStringConvertible {
  let description: String
}

/// What a connection is for.
enum Step {
  case count
  case run(Int)
  case report

  func target(_ agent: String) -> String {
    switch self {
    case .count: "/getCaseCount"
    case .run(let number): "/runCase?case=\(number)&agent=\(agent)"
    case .report: "/updateReports?agent=\(agent)"
    }
  }
}

/// One connection after the other, as Autobahn asks for.
struct Runner: ~Copyable, ClientHandler {
  let address: SocketAddress
  let url: WebSocketURL
  let agent: String
  let tls: TLSClientContext?
  private var step = Step.count
  private var caseCount = 0
  private(set) var isFinished = false
  private(set) var failure: String?

  init(_ url: WebSocketURL, at address: SocketAddress, agent: String, tls: TLSClientContext?) {
    self.url = url
    self.address = address
    self.agent = agent
    self.tls = tls
  }

  mutating func begin(in clients: inout Clients) {
    do {
      let request = ClientUpgradeRequest(
        host: url.authority, target: step.target(agent), key: "AAAAAAAAAAAAAAAAAAAAAA==")
      _ = clients.open(try ClientTarget(url, request: request, tls: tls), at: address)
    } catch {
      fail("\(error)")
    }
  }

  private mutating func fail(_ reason: String) {
    failure = reason
    isFinished = true
  }

  mutating func received(
    _ kind: MessageKind, _ payload: Span<UInt8>, on token: Token, in clients: inout Clients
  ) {
    switch step {
    case .count:
      let text = String(decoding: payload.indices.map { payload[$0] }, as: UTF8.self)
      caseCount = Int(text) ?? 0
      if caseCount == 0 { fail("the server has no cases: \(text)") }
    case .run:
      clients.send(kind, payload, on: token)
    case .report:
      break
    }
  }

  mutating func ended(_ token: Token, _ end: ClientEnd, in clients: inout Clients) {
    switch end {
    case .notConnected, .tls, .notOpened, .openingTimedOut, .endedEarly:
      fail("\(step): \(end)")
      return
    default:
      break  // how a case may end is for the server to judge
    }
    switch step {
    case .count: step = .run(1)
    case .run(caseCount): step = .report
    case .run(let number): step = .run(number + 1)
    case .report:
      isFinished = true
      return
    }
    if !isFinished { begin(in: &clients) }
  }

  mutating func opened(_ token: Token, _ opening: ClientOpening, in clients: inout Clients) {}
}

func makeRunner(_ arguments: [String]) throws -> Runner {
  guard (2...4).contains(arguments.count) else {
    throw Failure(description: "usage: ConformanceClient URL [AGENT [CA-FILE]]")
  }
  let url = try WebSocketURL(parsing: arguments[1])
  guard case .host(let host, let port) = url.endpoint,
    let address = try HostResolver.addresses(of: host, port: port).first
  else { throw Failure(description: "\(url) has no address") }
  var tls: TLSClientContext? = nil
  if url.usesTLS {
    var configuration = TLSClientConfiguration()
    if arguments.count > 3 { configuration.trust = .file(arguments[3]) }
    tls = try TLSClientContext(configuration)
  }
  return Runner(
    url, at: address, agent: arguments.count > 2 ? arguments[2] : "sluice-client", tls: tls)
}

func run() throws {
  var runner = try makeRunner(CommandLine.arguments)
  var clients = try Clients()
  runner.begin(in: &clients)
  while !runner.isFinished {
    clients.wait()
    clients.handleCompletions(&runner)
  }
  if let failure = runner.failure { throw Failure(description: failure) }
}

BrokenPipe.ignoreSignal()
do {
  try run()
} catch {
  StandardStream.error.print("ConformanceClient: \(error)")
  exit(1)
}

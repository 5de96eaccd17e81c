internal import AdminHTTP
internal import ArgumentParser
internal import FoundationEssentials
internal import HTTPCore
internal import SystemIO

/// How a command finds its gateway.
struct AdminOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The gateway's admin socket. Default: SLUICE_ADMIN_SOCKET, or the only one in \
      $XDG_RUNTIME_DIR, /run/sluice and the temporary directory.
      """, valueName: "path"))
  var adminSocket: String?

  @Flag(help: "Print JSON.")
  var json = false

  /// Exit statuses of all admin commands.
  static let failed = ExitCode(1)
  static let notReachable = ExitCode(2)

  /// What the commands say of their exit status.
  static let exitStatusHelp = """
    Exit status: 0 done, 1 refused or failed, 2 no gateway answers, 64 wrong usage.
    """

  func address() throws -> SocketAddress {
    let environment = ProcessEnvironment.variables()
    if let path = adminSocket ?? environment["SLUICE_ADMIN_SOCKET"] {
      return .unix(path: path)
    }
    let found = AdminSocketPath.found(environment: environment)
    if found.count == 1 { return .unix(path: found[0]) }
    printError(
      found.isEmpty
        ? "no gateway runs here; is it another user's? Give --admin-socket PATH"
        : "several gateways run here; give --admin-socket with one of:\n  "
          + found.joined(separator: "\n  "))
    throw Self.notReachable
  }

  /// Sends a request; exits when it is refused or nobody answers.
  func ask<Answer: Decodable>(
    _ method: HTTPMethod, _ target: String, for type: Answer.Type
  ) throws -> Answer {
    let body: [UInt8]
    let status: HTTPStatus
    do {
      (status, body) = try AdminClient.request(method, target, at: address())
    } catch let error as AdminClientError {
      printError("\(error)")
      throw Self.notReachable
    }
    if status.rawValue >= 400 {
      let failure = try? JSONDecoder().decode(AdminFailure.self, from: Data(body))
      printError(failure?.error ?? "\(status)")
      throw Self.failed
    }
    guard let answer = try? JSONDecoder().decode(type, from: Data(body)) else {
      printError("the gateway's answer is of another version")
      throw Self.failed
    }
    return answer
  }

  func print(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    StandardStream.output.print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }
}

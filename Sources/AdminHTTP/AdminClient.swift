internal import Glibc
package import HTTPCore
package import SystemIO

/// Why an answer could not be had.
package enum AdminClientError: Error, CustomStringConvertible {
  /// Nothing listens there, or we may not connect.
  case notReachable(SocketAddress, SystemError)
  /// The connection ended, or the deadline passed, before the answer was whole.
  case noAnswer(SocketAddress)
  case malformed(SocketAddress, String)

  package var description: String {
    switch self {
    case .notReachable(let address, let error):
      "no gateway answers at \(address): \(error.reason)"
    case .noAnswer(let address): "the gateway at \(address) did not answer"
    case .malformed(let address, let reason):
      "what answers at \(address) is no gateway: \(reason)"
    }
  }
}

/// One request at a time to an ``AdminServer``, for commands.
package enum AdminClient {
  private static let limits = HTTPLimits()
  private static let answerBytesMax = 64 << 20

  /// Sends a request, and waits for its answer for so long.
  package static func request(
    _ method: HTTPMethod, _ target: String, body: [UInt8] = [], at address: SocketAddress,
    milliseconds: UInt64 = 10_000
  ) throws -> (status: HTTPStatus, body: [UInt8]) {
    var loop = try EpollLoop()
    let token = loop.connect(to: address, from: nil)
    let deadline = loop.makeTimer()
    loop.setTimer(on: deadline, after: milliseconds)
    var exchange = Exchange()
    while true {
      loop.wait()
      while let completion = loop.next() {
        switch completion {
        case .connected:
          let bytes = head(method, target, bodyCount: body.count) + body
          let chunk = ByteChunk(capacity: bytes.count)
          chunk.append(bytes)
          loop.send(chunk, 0..<bytes.count, on: token)
        case .received(_, var bytes):
          do throws(HTTPError) {
            let span = bytes.span
            if let answer = try exchange.receive(span.span) { return answer }
          } catch {
            throw AdminClientError.malformed(address, error.reason)
          }
        case .closed(_, let error):
          throw exchange.hasBegun
            ? AdminClientError.noAnswer(address) : .notReachable(address, error)
        case .endOfStream, .fired:
          throw AdminClientError.noAnswer(address)
        default:
          break
        }
      }
    }
  }

  private static func head(_ method: HTTPMethod, _ target: String, bodyCount: Int) -> [UInt8] {
    var bytes = Array("\(method.name) \(target) HTTP/1.1\r\n".utf8)
    var fields: HeaderFields = ["Host": "localhost", "Connection": "close"]
    if bodyCount > 0 {
      fields.append("Content-Type", "application/json")
      fields.append("Content-Length", "\(bodyCount)")
    }
    fields.append(to: &bytes)
    bytes += Array("\r\n".utf8)
    return bytes
  }

  /// The answer, as it arrives. Ours always have a Content-Length.
  private struct Exchange: ~Copyable {
    private var parser = ResponseHeadParser(limits: limits)
    private var head: ResponseHead?
    private var bodyCount = 0
    private var body: [UInt8] = []
    private(set) var hasBegun = false

    mutating func receive(
      _ bytes: Span<UInt8>
    ) throws(HTTPError) -> (status: HTTPStatus, body: [UInt8])? {
      hasBegun = true
      var position = 0
      if head == nil {
        let (consumed, parsed) = try parser.parse(bytes)
        position = consumed
        guard let parsed else { return nil }
        guard let length = parsed.headers["Content-Length"].flatMap({ Int($0) }),
          0...answerBytesMax ~= length
        else { throw HTTPError(status: .badGateway, reason: "no usable Content-Length") }
        head = parsed
        bodyCount = length
      }
      while position < bytes.count && body.count < bodyCount {
        body.append(bytes[position])
        position += 1
      }
      guard let head, body.count == bodyCount else { return nil }
      return (head.status, body)
    }
  }
}

package import FleetCore
package import SystemIO

/// The worker's end of its coordinator's control socket.
package final class WorkerControl {
  let socket: ControlSocket
  private let buffer = ByteChunk(capacity: ControlSocket.packetBytesMax)

  package init(_ socket: consuming ControlSocket) {
    self.socket = socket
    buffer.append([UInt8](repeating: 0, count: ControlSocket.packetBytesMax))
  }

  enum Received: ~Copyable {
    case message(CoordinatorMessage, ReceivedDescriptors)
    case misunderstood(String)
    case nothing
    /// The coordinator is gone.
    case end
  }

  func receive() -> Received {
    do throws(SystemError) {
      let buffer = buffer
      var room = buffer.mutableSpan
      switch try socket.receive(into: &room) {
      case .packet(let count, let descriptors): return decode(count, descriptors)
      case .wouldBlock: return .nothing
      case .end: return .end
      }
    } catch {
      return .misunderstood(error.description)
    }
  }

  private func decode(_ count: Int, _ descriptors: consuming ReceivedDescriptors) -> Received {
    do throws(ControlMessageError) {
      let buffer = buffer
      let packet = buffer.span.extracting(0..<count)
      return .message(try CoordinatorMessage(decoding: packet), descriptors)
    } catch {
      return .misunderstood(error.description)
    }
  }

  /// Waits for the first message, which must be the configuration.
  package func awaitConfiguration(
    milliseconds: Int32
  ) throws -> (toml: [UInt8], ticketKeys: [[UInt8]]) {
    guard socket.descriptor.isReadable(within: milliseconds) else {
      throw WorkerControlError(text: "no configuration has come")
    }
    switch receive() {
    case .message(.configure(let body, let keys), _): return (body, keys)
    case .message: throw WorkerControlError(text: "the first message is no configuration")
    case .misunderstood(let text): throw WorkerControlError(text: text)
    case .nothing: throw WorkerControlError(text: "no configuration has come")
    case .end: throw WorkerControlError(text: "the coordinator is gone")
    }
  }

  /// What can't be sent is dropped: a coordinator that doesn't read is as good as dead,
  /// and the next heartbeat says it again.
  package func send(_ message: WorkerMessage) {
    guard let bytes = try? message.encoded() else { return }
    _ = try? socket.send(bytes.span)
  }
}

/// Why a worker can't begin.
package struct WorkerControlError: Error, CustomStringConvertible {
  let text: String
  package var description: String { text }
}

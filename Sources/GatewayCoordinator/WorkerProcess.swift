internal import FleetCore
internal import Glibc
internal import SystemIO

/// A worker as the coordinator sees it: its process and its control socket.
final class WorkerProcess {
  let id: WorkerID
  let process: ChildProcess
  private let control: ControlSocket
  let startedMilliseconds: UInt64
  /// What it has last told of itself.
  var figures = WorkerFigures()

  private init(
    _ id: WorkerID, process: consuming ChildProcess, control: consuming ControlSocket, now: UInt64
  ) {
    self.id = id
    self.process = process
    self.control = control
    startedMilliseconds = now
  }

  var controlDescriptor: Int32 { control.descriptor.rawValue }

  /// The descriptor numbers in a worker: standard streams, the control socket, listeners.
  private static let controlNumber: Int32 = 3

  /// Starts this program as a worker, which inherits the listeners.
  ///
  /// Its argv tells what it has: `sluice worker 3 0=4,1=5` is the number of the control
  /// socket, and for each address of the configuration the number of a listener.
  static func spawn(
    _ id: WorkerID, listeners: [(address: Int, descriptor: Int32)],
    environment: [String: String], now: UInt64
  ) throws(SystemError) -> WorkerProcess {
    let pair = try ControlSocket.pair()
    var numbers: [Int32: Int32] = [controlNumber: pair.far.descriptor.rawValue]
    var texts: [String] = []
    for (index, listener) in listeners.enumerated() {
      let number = controlNumber + 1 + Int32(index)
      numbers[number] = listener.descriptor
      texts.append("\(listener.address)=\(number)")
    }
    var launch = ChildProcess.Launch(
      path: "/proc/self/exe",
      arguments: [
        "sluice", "worker", "\(controlNumber)", texts.joined(separator: ","),
        "--slot", "\(id.slot)",
      ],
      environment: environment)
    launch.descriptors = numbers
    // Ctrl-C is for the coordinator.
    launch.newProcessGroup = true
    let process = try ChildProcess.spawn(launch)
    return WorkerProcess(id, process: process, control: pair.keepNear(), now: now)
  }

  /// False when it could not be sent: the worker is dead, or doesn't read.
  func send(_ message: CoordinatorMessage, descriptors: [Int32]) -> Bool {
    guard let bytes = try? message.encoded() else { return false }
    guard case .sent = try? control.send(bytes.span, descriptors: descriptors) else {
      return false
    }
    return true
  }

  /// The next message; nil when there is none now.
  func receive(_ buffer: inout [UInt8]) -> Result<WorkerMessage, ControlMessageError>? {
    var span = buffer.mutableSpan
    guard let received = try? control.receive(into: &span) else { return nil }
    switch consume received {
    case .packet(let count, _):
      do {
        return .success(try WorkerMessage(decoding: buffer.span.extracting(0..<count)))
      } catch {
        return .failure(error)
      }
    case .wouldBlock:
      return nil
    case .end:
      return nil
    }
  }

  func kill() {
    process.send(signal: SIGKILL)
  }
}

internal import ArgumentParser
internal import Configuration
internal import FleetCore
internal import GatewayWorker
internal import Logs
internal import SystemIO

/// A worker: started by the coordinator, and by nobody else.
struct WorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker", abstract: "Started by 'sluice serve'.", shouldDisplay: false)

  /// The number of the control socket's descriptor.
  @Argument var control: Int32
  /// `ADDRESS=DESCRIPTOR`, separated by commas.
  @Argument var listeners: String
  @Option var slot: Int

  func run() throws {
    BrokenPipe.ignoreSignal()
    // It was started as /proc/self/exe.
    ProcessName.set("sluice")
    let link = try WorkerControl(
      ControlSocket(inheriting: FileDescriptor(inheriting: control)))
    do {
      let (toml, keys) = try link.awaitConfiguration(milliseconds: 10_000)
      let serve = try Self.configuration(toml)
      let writer = try LogWriter(.error)
      let log = Log(writer, level: serve.logLevel, format: serve.logFormat)
      defer {
        log.flush()
        writer.close(within: 1_000)
      }
      let start = WorkerStart(
        options: serve.worker, endpoints: serve.endpoints, listeners: inherited(),
        slot: SlotID(slot), control: link, ticketKeys: keys,
        reload: ReloadSource { (toml) throws(ReloadRefusal) in
          do throws(Mistakes) {
            let next = try Self.configuration(toml)
            return ReloadedOptions(
              options: next.worker, logLevel: next.logLevel, logFormat: next.logFormat)
          } catch {
            throw ReloadRefusal(reasons: error.list.map(\.description))
          }
        })
      let counters = try runWorker(start, on: serve.eventLoop, log: log)
      log.write(.info, "stopped") { line in
        line.add("worker", slot)
        counters.add(to: &line)
      }
    } catch {
      // The coordinator has the log.
      link.send(.failed("\(error)"))
      throw ExitCode.failure
    }
  }

  /// What the coordinator has checked already.
  private static func configuration(
    _ toml: [UInt8]
  ) throws(Mistakes) -> ServeConfiguration {
    let values = try ServeOptions.table.load(
      arguments: ["--\(ServeOptions.config.description.name)=coordinator"], environment: [:]
    ) { (_) throws(FileProblem) in toml }
    return try ServeConfiguration(values, filesMax: OpenFileLimit.raise())
  }

  private func inherited() -> [InheritedListener] {
    listeners.split(separator: ",").compactMap { pair in
      let numbers = pair.split(separator: "=").compactMap { Int($0) }
      guard numbers.count == 2 else { return nil }
      return InheritedListener(address: numbers[0], descriptor: Int32(numbers[1]))
    }
  }
}

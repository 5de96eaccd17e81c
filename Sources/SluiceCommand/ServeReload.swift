internal import Configuration
internal import GatewayCoordinator
internal import Logs
internal import Synchronization
internal import SystemIO
internal import TLS

/// Reads the configuration again: flags and environment as they are, and the file anew.
final class ServeReload: Sendable {
  private struct State {
    var running: ConfigurationValues
    var logLevel: LogLevel
    var logFormat: LogFormat
  }

  private let arguments: OptionArguments
  private let state: Mutex<State>

  /// `running` is what the gateway was started with.
  init(_ arguments: OptionArguments, running: ConfigurationValues, _ serve: ServeConfiguration) {
    self.arguments = arguments
    state = Mutex(
      State(running: running, logLevel: serve.logLevel, logFormat: serve.logFormat))
  }

  /// What the coordinator's own log follows.
  var logging: (level: LogLevel, format: LogFormat) {
    state.withLock { ($0.logLevel, $0.logFormat) }
  }

  /// May block, where a file does.
  func load() -> Reloaded {
    let running = state.withLock { $0.running }
    let next: ConfigurationValues
    let serve: ServeConfiguration
    let following: ConfigurationValues
    do throws(Mistakes) {
      next = try arguments.load()
      // All of it must be good, also what waits for a restart.
      let filesMax = OpenFileLimit.raise()
      _ = try ServeConfiguration(next, filesMax: filesMax)
      following = running.following(next)
      serve = try ServeConfiguration(following, filesMax: filesMax)
    } catch {
      return .refused(error.list.map(\.description))
    }
    do throws(TLSConfigurationError) {
      try serve.checkCertificates()
    } catch {
      return .refused(["\(error)"])
    }
    state.withLock { state in
      state = State(running: following, logLevel: serve.logLevel, logFormat: serve.logFormat)
    }
    let changes = running.changes(to: next)
    return .configuration(
      WorkerConfiguration(toml: serve.handedOn), changed: changes.filter(\.isLive).map(\.name),
      waiting: changes.filter { !$0.isLive }.map(\.name))
  }
}

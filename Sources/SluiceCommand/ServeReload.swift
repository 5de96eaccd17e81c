internal import Configuration
internal import GatewayWorker
internal import Synchronization
internal import SystemIO

/// Reads the configuration again: flags and environment as they are, and the file anew.
final class ServeReload: Sendable {
  private let arguments: OptionArguments
  private let running: Mutex<ConfigurationValues>

  /// `running` is what the worker was started with.
  init(_ arguments: OptionArguments, running: ConfigurationValues) {
    self.arguments = arguments
    self.running = Mutex(running)
  }

  func load() throws(ReloadRefusal) -> ReloadedOptions {
    do throws(Mistakes) {
      let running = self.running.withLock { $0 }
      let next = try arguments.load()
      // All of it must be good, also what waits for a restart.
      let filesMax = OpenFileLimit.raise()
      _ = try ServeConfiguration(next, filesMax: filesMax)
      let following = running.following(next)
      let serve = try ServeConfiguration(following, filesMax: filesMax)
      let changes = running.changes(to: next)
      return ReloadedOptions(
        options: serve.worker, logLevel: serve.logLevel, logFormat: serve.logFormat,
        changed: changes.filter(\.isLive).map(\.name),
        waiting: changes.filter { !$0.isLive }.map(\.name),
        didApply: { self.running.withLock { $0 = following } })
    } catch {
      throw ReloadRefusal(reasons: error.list.map(\.description))
    }
  }
}

package import Logs
internal import Synchronization
internal import SystemIO

/// What the configuration says now.
package struct ReloadedOptions: Sendable {
  package let options: WorkerOptions
  package let logLevel: LogLevel
  package let logFormat: LogFormat

  package init(options: WorkerOptions, logLevel: LogLevel, logFormat: LogFormat) {
    self.options = options
    self.logLevel = logLevel
    self.logFormat = logFormat
  }
}

/// The configuration that the coordinator has sent last, and who understands it.
package final class ReloadSource: Sendable {
  private let toml = Mutex<[UInt8]>([])
  private let read: @Sendable ([UInt8]) throws(ReloadRefusal) -> ReloadedOptions

  package init(read: @escaping @Sendable ([UInt8]) throws(ReloadRefusal) -> ReloadedOptions) {
    self.read = read
  }

  func offer(_ toml: [UInt8]) {
    self.toml.withLock { $0 = toml }
  }

  func load() throws(ReloadRefusal) -> ReloadedOptions {
    try read(toml.withLock { $0 })
  }
}

/// Everything that is wrong with the configuration, a line for each.
package struct ReloadRefusal: Error, Sendable {
  package let reasons: [String]

  package init(reasons: [String]) {
    self.reasons = reasons
  }
}

/// Reads the configuration again; may block.
package typealias LoadOptions = @Sendable () throws(ReloadRefusal) -> ReloadedOptions

/// Reads the configuration in a thread of its own, so that a slow disk, or a file that is a pipe,
/// holds up no connection; one reading at a time.
final class Reloader: Sendable {
  private struct State {
    var isReading = false
    /// Asked for while it was being read: what was read may be the state before.
    var isAskedAgain = false
    var result: Result<ReloadedOptions, ReloadRefusal>? = nil
    var thread: BackgroundThread<Void>? = nil
  }

  private let state = Mutex(State())
  private let load: LoadOptions
  private let waker: Waker

  /// `waker` is used when ``next()`` has something.
  init(load: @escaping LoadOptions, waker: Waker) {
    self.load = load
    self.waker = waker
  }

  func begin() {
    state.withLock { state in
      if state.isReading {
        state.isAskedAgain = true
        return
      }
      state.isReading = true
      state.thread = BackgroundThread { self.read() }
    }
  }

  private func read() {
    let result = Result { () throws(ReloadRefusal) in try load() }
    state.withLock { $0.result = result }
    waker.wake()
  }

  /// What has been read, once; nil when nothing has.
  func next() -> Result<ReloadedOptions, ReloadRefusal>? {
    let done = state.withLock { state in
      let done = state
      if done.result != nil { state = State() }
      return done
    }
    guard let result = done.result else { return nil }
    done.thread?.join()
    if done.isAskedAgain { begin() }
    return result
  }
}

internal import Synchronization
internal import SystemIO

/// Reads the configuration in a thread of its own, so that a slow disk, or a file that is a pipe,
/// holds up no supervision.
final class ConfigurationReader: Sendable {
  private struct State {
    var thread: BackgroundThread<Void>?
    var result: Reloaded?
  }

  private let state = Mutex(State())
  private let read: @Sendable () -> Reloaded
  private let waker: Waker

  /// `waker` is used when ``next()`` has something.
  init(read: @escaping @Sendable () -> Reloaded, waker: Waker) {
    self.read = read
    self.waker = waker
  }

  /// Not again before ``next()`` has had the result.
  func begin() {
    state.withLock { state in
      state.thread = BackgroundThread {
        let result = self.read()
        self.state.withLock { $0.result = result }
        self.waker.wake()
      }
    }
  }

  /// What has been read, once; nil when nothing has.
  func next() -> Reloaded? {
    let (result, thread) = state.withLock { state in
      state.result == nil ? (nil, nil) : (state.result.take(), state.thread.take())
    }
    thread?.join()
    return result
  }
}

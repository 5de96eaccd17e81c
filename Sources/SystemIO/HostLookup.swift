internal import Synchronization

/// Looks up the addresses of a host in a thread of its own, because that may take long.
package final class HostLookup: Sendable {
  private let isDone: Done
  private let thread: BackgroundThread<Result<[SocketAddress], HostResolverError>>

  private final class Done: Sendable {
    let value = Atomic(false)
  }

  /// As ``HostResolver/addresses(of:port:)``. `waker` is used when the result is there.
  package init(_ host: String, port: UInt16, waker: Waker) {
    let isDone = Done()
    self.isDone = isDone
    thread = BackgroundThread {
      let result = Result { () throws(HostResolverError) in
        try HostResolver.addresses(of: host, port: port)
      }
      isDone.value.store(true, ordering: .releasing)
      waker.wake()
      return result
    }
  }

  /// The result, once it is there. To be called until then only.
  package func take() -> Result<[SocketAddress], HostResolverError>? {
    isDone.value.load(ordering: .acquiring) ? thread.join() : nil
  }
}

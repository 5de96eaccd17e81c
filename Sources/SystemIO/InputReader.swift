internal import CLinux
internal import Glibc
internal import Synchronization

/// Reads a descriptor whose reads may block and may never return, such as standard
/// input, in a thread of its own: a piece at a time, and the next only after this one
/// was taken. So what is waiting to be taken is bounded, and a terminal, a pipe and a
/// file are all the same.
///
/// The thread ends with the input, or with the process.
package final class InputReader: Sendable {
  package enum Piece: Sendable {
    case bytes([UInt8])
    case end
    case failed(SystemError)
  }

  private static let pieceBytesMax = 64 * 1024
  private let shared: Shared

  /// `waker` is used when there is something to take.
  package init(descriptor: Int32, waker: Waker) throws(SystemError) {
    let taken = eventfd(0, Int32(EFD_CLOEXEC))
    guard taken >= 0 else { throw .last("eventfd") }
    let shared = Shared(taken: FileDescriptor(owning: taken))
    self.shared = shared
    _ = BackgroundThread {
      while true {
        let piece = Self.read(descriptor)
        shared.piece.withLock { $0 = piece }
        waker.wake()
        guard case .bytes = piece else { return }
        shared.awaitTaken()
      }
    }
  }

  /// What has been read, if it was not taken before.
  package func take() -> Piece? {
    let piece = shared.piece.withLock { $0.take() }
    if piece != nil { shared.signalTaken() }
    return piece
  }

  private static func read(_ descriptor: Int32) -> Piece {
    var failure: SystemError? = nil
    let bytes = [UInt8](capacity: pieceBytesMax) { output in
      // SAFETY: the kernel writes at most the room that is there, and says how much.
      unsafe output.withUnsafeMutableBufferPointer { buffer, count in
        let result = retryingInterrupts {
          unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        }
        if result < 0 { failure = .last("read") }
        count = max(0, result)
      }
    }
    if let failure { return .failed(failure) }
    return bytes.isEmpty ? .end : .bytes(bytes)
  }

  private final class Shared: Sendable {
    let piece = Mutex<Piece?>(nil)
    /// Counts the pieces taken.
    private let taken: FileDescriptor

    init(taken: consuming FileDescriptor) {
      self.taken = taken
    }

    func awaitTaken() {
      var count: UInt64 = 0
      // SAFETY: eight bytes are written.
      _ = retryingInterrupts { unsafe Glibc.read(taken.rawValue, &count, 8) }
    }

    func signalTaken() {
      var one: UInt64 = 1
      // SAFETY: eight bytes are read.
      _ = unsafe write(taken.rawValue, &one, 8)
    }
  }
}

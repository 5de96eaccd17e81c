internal import COpenSSL
internal import Glibc

/// What all the TLS sessions of one thread share: the output that is to be sent
/// and, during a call, the input. One per worker. A session has no buffers of its
/// own between calls, other than for an incomplete record.
///
/// After every call on a session that may produce output, the caller takes
/// the output (``moveOutput(into:)``) and sends it to that session's peer.
@safe package final class TLSEngine {
  private let method: OpaquePointer
  /// The one BIO of all sessions. OpenSSL keeps no state in it but the outcome
  /// of the last call.
  let bio: OpaquePointer

  /// Of the call that is under way.
  private var input: UnsafePointer<UInt8>? = nil
  private(set) var inputLeft = 0

  private var storage: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var outputCount = 0
  /// The session whose output it is.
  private var outputOwner: UInt? = nil

  /// Messages of handshakes that were received, by any session.
  private(set) var handshakeMessages: UInt64 = 0

  /// What the output's buffer is cut back to when it has been taken.
  static let idleCapacity = 64 * 1024

  /// Has room for the output of a few records, and grows as needed.
  package init() {
    // SAFETY: BIO_meth_new copies the name. The callbacks find this object, which
    // outlives the BIO: every session that has the BIO holds this object too.
    let method = unsafe BIO_meth_new(BIO_TYPE_SOURCE_SINK, "sluice")
    let bio = unsafe BIO_new(method)
    guard let method = unsafe method, let bio = unsafe bio else { fatalError("out of memory") }
    unsafe self.method = method
    unsafe self.bio = bio
    capacity = Self.idleCapacity
    // SAFETY: freed in `deinit`.
    unsafe storage = Self.allocated(unsafe malloc(capacity))
    unsafe BIO_meth_set_read_ex(method) { bio, buffer, count, taken in
      unsafe TLSEngine.of(bio).supply(buffer, count, taken)
    }
    unsafe BIO_meth_set_write_ex(method) { bio, bytes, count, written in
      unsafe TLSEngine.of(bio).accept(bytes, count, written)
    }
    unsafe BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    unsafe BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
    unsafe BIO_set_init(bio, 1)
  }

  deinit {
    // SAFETY: no session is left, so these are the last references.
    unsafe BIO_free(bio)
    unsafe BIO_meth_free(method)
    unsafe free(storage)
  }

  /// How much is to be sent to the peer of the session that was called last.
  package var outputBytes: Int { outputCount }

  /// Appends all the output to `destination`, which must have room for
  /// ``outputBytes``, and forgets it.
  package func moveOutput(into destination: inout OutputSpan<UInt8>) {
    precondition(destination.freeCapacity >= outputCount)
    if outputCount > 0 {
      // SAFETY: `outputCount` bytes are initialized here, there is room for them
      // there, and `initializedCount` grows by just what was written.
      unsafe destination.withUnsafeMutableBufferPointer { buffer, initializedCount in
        unsafe (buffer.baseAddress! + initializedCount)
          .initialize(from: storage, count: outputCount)
        initializedCount += outputCount
      }
    }
    clearOutput()
  }

  /// Forgets the output, whose peer is gone.
  package func clearOutput() {
    outputCount = 0
    outputOwner = nil
    if capacity > 4 * Self.idleCapacity {
      capacity = Self.idleCapacity
      // SAFETY: the storage is malloc's, and this object's alone.
      unsafe storage = Self.allocated(unsafe realloc(storage, capacity))
    }
  }
}

@available(*, unavailable)
extension TLSEngine: Sendable {}

// MARK: - For sessions

extension TLSEngine {
  /// SAFETY: `input` must stay valid until ``withdrawInput()``.
  @unsafe func lend(_ input: UnsafeBufferPointer<UInt8>) {
    unsafe self.input = input.baseAddress
    inputLeft = input.count
  }

  /// How many bytes were not taken.
  func withdrawInput() -> Int {
    // SAFETY: the lent pointer is used no more.
    unsafe input = nil
    defer { inputLeft = 0 }
    return inputLeft
  }

  /// The output that follows is this session's. Another's must have been taken.
  func beginOutput(of session: UInt) {
    precondition(
      outputCount == 0 || outputOwner == session,
      "the output of another session has not been taken")
    outputOwner = session
  }

  /// What a session that is gone had to say is lost.
  func discardOutput(of session: UInt) {
    if outputOwner == session { clearOutput() }
  }

  func countMessage() {
    handshakeMessages += 1
  }

  /// Makes room at once for what a large write will produce.
  func reserveOutput(_ byteCount: Int) {
    if capacity - outputCount >= byteCount { return }
    capacity = max(2 * capacity, outputCount + byteCount)
    // SAFETY: the storage is malloc's, and this object's alone.
    unsafe storage = Self.allocated(unsafe realloc(storage, capacity))
  }

  private static func allocated(_ memory: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<UInt8> {
    // SAFETY: fresh memory of malloc's, for bytes.
    guard let memory = unsafe memory else { fatalError("out of memory") }
    return unsafe memory.assumingMemoryBound(to: UInt8.self)
  }
}

// MARK: - Callbacks of the BIO

extension TLSEngine {
  /// What BIO_clear_retry_flags clears.
  private static let retryFlags =
    BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_IO_SPECIAL | BIO_FLAGS_SHOULD_RETRY

  private static func of(_ bio: OpaquePointer?) -> TLSEngine {
    // SAFETY: set in `init`, and this object lives as long as anyone uses its BIO.
    unsafe Unmanaged.fromOpaque(BIO_get_data(bio)).takeUnretainedValue()
  }

  private func supply(
    _ buffer: UnsafeMutablePointer<CChar>?, _ count: Int, _ taken: UnsafeMutablePointer<Int>?
  ) -> Int32 {
    // SAFETY: the BIO is this object's; OpenSSL's pointers are valid in this call.
    unsafe BIO_clear_flags(bio, TLSEngine.retryFlags)
    let amount = min(count, inputLeft)
    guard amount > 0, let from = unsafe input, let buffer = unsafe buffer else {
      unsafe BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
      return 0
    }
    // SAFETY: both have at least `amount` bytes; OpenSSL's buffer is its own.
    unsafe memcpy(buffer, from, amount)
    unsafe input = from + amount
    inputLeft -= amount
    unsafe taken?.pointee = amount
    return 1
  }

  private func accept(
    _ bytes: UnsafePointer<CChar>?, _ count: Int, _ written: UnsafeMutablePointer<Int>?
  ) -> Int32 {
    // SAFETY: the BIO is this object's; OpenSSL's pointers are valid in this call.
    unsafe BIO_clear_flags(bio, TLSEngine.retryFlags)
    if let bytes = unsafe bytes, count > 0 {
      reserveOutput(count)
      // SAFETY: room was reserved; OpenSSL's bytes are not in this storage.
      unsafe memcpy(storage + outputCount, bytes, count)
      outputCount += count
    }
    unsafe written?.pointee = count
    return 1
  }
}

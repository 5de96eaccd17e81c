// Copies in bulk between the standard library's byte containers, which in this
// version of it append a span only element by element.

extension Array<UInt8> {
  /// Appends the bytes of `source`.
  mutating func append(copying source: Span<UInt8>) {
    // SAFETY: the pointer is used only within the closure, and only read.
    unsafe source.withUnsafeBufferPointer { bytes in
      unsafe append(contentsOf: bytes)
    }
  }
}

extension OutputSpan<UInt8> {
  /// Appends the bytes of `source`, which must fit.
  mutating func append(copying source: Span<UInt8>) {
    precondition(source.count <= freeCapacity)
    if source.isEmpty { return }
    // SAFETY: room was checked above; source and destination cannot overlap,
    // since this output is borrowed for mutation. `initializedCount` grows by
    // just what was written.
    unsafe source.withUnsafeBufferPointer { bytes in
      unsafe withUnsafeMutableBufferPointer { buffer, initializedCount in
        unsafe (buffer.baseAddress! + initializedCount)
          .initialize(from: bytes.baseAddress!, count: bytes.count)
        initializedCount += bytes.count
      }
    }
  }
}

/// Lines between who writes them and a stream that may be slow: bounded, and what has no room
/// is counted.
struct LineQueue: Sendable {
  private let bytesMax: Int
  private var bytes: [UInt8] = []
  /// With the writer.
  private var takenBytes = 0
  /// Lines that had no room behind `bytes`.
  private var lost: UInt64 = 0
  /// Lines that were lost before, of which nobody could be told.
  private var untold: UInt64 = 0

  init(bytesMax: Int) {
    self.bytesMax = bytesMax
  }

  /// Once lines were lost, further ones are too, until the writer has taken those before them:
  /// so it can tell of the gap where it is.
  mutating func append(_ added: [UInt8], lines count: UInt64) {
    if lost > 0 || takenBytes + bytes.count + added.count > bytesMax {
      lost += count
      return
    }
    if bytes.isEmpty { bytes = added } else { bytes += added }
  }

  /// What is to be written now, and how many lines were lost behind it.
  struct Batch: Sendable {
    let bytes: [UInt8]
    let lost: UInt64

    var isEmpty: Bool { bytes.isEmpty && lost == 0 }
  }

  /// Everything that waits. The writer calls ``finish(untold:)`` when it is done with it.
  mutating func take() -> Batch {
    // What could not be told is not tried again before there is something else to say.
    if bytes.isEmpty && lost == 0 { return Batch(bytes: [], lost: 0) }
    let batch = Batch(bytes: bytes, lost: lost + untold)
    takenBytes = bytes.count
    (bytes, lost, untold) = ([], 0, 0)
    return batch
  }

  /// `count`: lines that are lost, and could not be told of.
  mutating func finish(untold count: UInt64) {
    takenBytes = 0
    untold += count
  }
}

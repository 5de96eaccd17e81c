/// What a peer may make us take in for one message.
///
/// Each limit is checked before the memory it guards is taken. A limit is the largest amount that
/// is still accepted; one more is refused with the status given here.
package struct HTTPLimits: Equatable, Sendable {
  /// Start line, field lines and the empty line after them, line ends included.
  ///
  /// Past it a request is refused with 414 when its request line alone is too long, else with 431.
  /// The same number bounds the trailer section of a chunked body (431).
  package let headBytesMax: Int
  /// Field lines of a head, and of a trailer section (431).
  package let headerFieldsMax: Int
  /// Content of a body, without chunk framing (413).
  package let bodyBytesMax: Int
  /// All chunk extensions of one body together (413). Nothing uses them; they are skipped.
  package let chunkExtensionBytesMax: Int

  /// Traps on a limit under zero, and on a head limit of 16 MiB and more.
  package init(
    headBytesMax: Int = 8192,
    headerFieldsMax: Int = 64,
    bodyBytesMax: Int = 1 << 20,
    chunkExtensionBytesMax: Int = 4096
  ) {
    precondition((0..<(1 << 24)).contains(headBytesMax), "headBytesMax out of range")
    precondition(headerFieldsMax >= 0, "headerFieldsMax out of range")
    precondition(bodyBytesMax >= 0, "bodyBytesMax out of range")
    precondition(chunkExtensionBytesMax >= 0, "chunkExtensionBytesMax out of range")
    self.headBytesMax = headBytesMax
    self.headerFieldsMax = headerFieldsMax
    self.bodyBytesMax = bodyBytesMax
    self.chunkExtensionBytesMax = chunkExtensionBytesMax
  }
}

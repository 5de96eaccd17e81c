internal import HTTPCore

/// A channel's name: 1 to 255 bytes of UTF-8 without control characters.
/// Names are equal when their bytes are: there is no Unicode normalization.
struct ChannelName: Hashable, Sendable {
  let bytes: [UInt8]

  static let bytesMax = 255

  /// Reads one path segment, which is percent-decoded once. Nil when the result
  /// is not a name.
  init?(pathSegment: some StringProtocol) {
    guard let decoded = PercentEncoding.decode(pathSegment), !decoded.isEmpty,
      decoded.count <= Self.bytesMax, let text = String(validating: decoded, as: UTF8.self),
      !text.unicodeScalars.contains(where: { $0.value < 0x20 || 0x7F...0x9F ~= $0.value })
    else { return nil }
    bytes = decoded
  }

  static let pathPrefix = "/channels/"

  /// The name in the path of a channel's endpoint; nil for any other path.
  init?(path: String) {
    guard path.hasPrefix(Self.pathPrefix) else { return nil }
    self.init(pathSegment: path.dropFirst(Self.pathPrefix.count))
  }

  var text: String { String(decoding: bytes, as: UTF8.self) }
}

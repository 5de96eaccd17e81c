package import WebSocketCore

/// What an interactive client does besides connecting.
package struct ConnectOptions: Sendable {
  /// What lines are sent as.
  package var kind = MessageKind.text
  /// Messages end with a zero byte instead of a newline, both ways.
  package var isNullDelimited = false
  /// How often a ping is sent; nil for never.
  package var pingMilliseconds: UInt64? = nil
  /// How long the connection is kept when the input has ended.
  package var waitMilliseconds: UInt64 = 0
  package var reconnects = false
  /// Tells more.
  package var isVerbose = false
  /// The longest line that is taken.
  package var lineBytesMax = 16 << 20

  package init() {}
}

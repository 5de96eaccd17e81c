internal import ArgumentParser
internal import struct Configuration.ByteSize
internal import struct Configuration.TimeSpan
internal import InteractiveClient
internal import SystemIO
internal import Terminal
internal import WebSocketClient
internal import WebSocketCore

struct Connect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Talk to a WebSocket server: lines go out, messages come in.",
    discussion: """
      On a terminal, type a line and press Enter; messages appear above it. Ctrl-D closes the \
      connection, and so does Ctrl-C.

      In a pipe each line is a message, and each message a line, as it came: use --null where \
      messages can have line breaks. At the end of the input the connection is closed, after \
      --wait. Standard error tells how it went.

        sluice connect ws://127.0.0.1:8080/channels/lobby
        echo hello | sluice connect --wait 1s wss://example.org/echo
        sluice connect --reconnect --ping 20s wss://example.org/feed </dev/null --wait 1h
        sluice connect ws+unix:/run/sluice.sock:/echo

      Exit status:
          0  closed in order: by us, or by the server with 1000, 1001 or no code
          1  no WebSocket could be opened, or some of the input was not sent
          2  the connection was lost, the server broke the protocol, or closed with another code
         64  wrong usage
        130  interrupted (Ctrl-C); 143 and 129 for SIGTERM and SIGHUP
      """)

  @Argument(
    help: ArgumentHelp("ws://, wss:// or ws+unix:SOCKET:/PATH.", valueName: "url"),
    transform: { try WebSocketURL(parsing: $0) })
  var url: WebSocketURL

  @Flag(name: [.short, .long], help: "Send lines as binary messages.")
  var binary = false

  @Flag(
    name: [.customShort("0"), .customLong("null")],
    help: "Messages end with a zero byte instead of a newline, both ways.")
  var isNullDelimited = false

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      """
      Send a ping this often, and tell of the pong. A connection on which none has come \
      until the next is lost.
      """, valueName: "time"))
  var ping: TimeSpan?

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "Keep the connection this long when the input has ended.", valueName: "time"))
  var wait = TimeSpan(milliseconds: 0)

  @Flag(
    name: [.short, .long],
    help: """
      Connect again when the connection is lost or the server sends us away: after a random \
      time that grows to 30 s, or when the server says. Not after a refusal that would be the \
      same again.
      """)
  var reconnect = false

  @Option(
    help: ArgumentHelp("The largest message that is taken.", valueName: "size"))
  var maxMessageSize = ByteSize(64 << 20)

  @Option(
    help: ArgumentHelp(
      "For connecting, TLS and the opening handshake together.", valueName: "time"))
  var handshakeTimeout = TimeSpan(milliseconds: 10_000)

  @Flag(
    name: [.short, .long],
    help: "Tell of the server's answer, and of pings and pongs in a pipe too.")
  var verbose = false

  @OptionGroup(title: "Handshake and TLS")
  var handshake: HandshakeOptions

  func validate() throws {
    try handshake.check(url)
    if let ping, ping.milliseconds == 0 { throw ValidationError("--ping is over 0.") }
    if handshakeTimeout.milliseconds == 0 {
      throw ValidationError("--handshake-timeout is over 0.")
    }
  }

  func run() throws {
    StandardStream.openMissing()
    BrokenPipe.ignoreSignal()
    let target = try handshake.target(url)
    var options = ConnectOptions()
    options.kind = binary ? .binary : .text
    options.isNullDelimited = isNullDelimited
    options.pingMilliseconds = ping?.milliseconds
    options.waitMilliseconds = wait.milliseconds
    options.reconnects = reconnect
    options.isVerbose = verbose
    var clientOptions = ClientOptions()
    clientOptions.messageLimits.messageBytesMax = maxMessageSize.bytes
    clientOptions.openingMilliseconds = handshakeTimeout.milliseconds
    let status: ConnectStatus
    do {
      status = try ConnectSession.run(url, target, options, clientOptions: clientOptions)
    } catch {
      StandardStream.error.print("sluice: \(error)")
      throw ExitCode.failure
    }
    if status != .closed { throw ExitCode(status.rawValue) }
  }
}

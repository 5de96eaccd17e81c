internal import ArgumentParser
internal import LoadGenerator
internal import SystemIO
internal import Terminal
internal import WebSocketClient

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Load a WebSocket server, and tell what it takes.",
    discussion: """
      Any server will do. Payloads carry a number, and are checked: what is lost, changed, \
      repeated or out of order is told, and makes the exit status 1.

        sluice bench echo ws://127.0.0.1:8080/echo
        sluice bench echo -c 1000 --rate 20000 ws://127.0.0.1:8080/echo
        sluice bench broadcast -c 500 --in-flight 16 ws://127.0.0.1:8080/channels/bench
        sluice bench connect --server-pid $(pidof sluice) ws://127.0.0.1:8080/echo
        sluice bench idle -c 10000 --server-pid $(pidof sluice) ws://127.0.0.1:8080/echo

      Without --rate the loop is closed: an answer is followed by the next message, and a \
      slow server is asked less. With --rate messages are sent when they are due, and latency \
      counts from then, whatever held them up.
      """,
    subcommands: [Echo.self, Broadcast.self, Connect.self, Idle.self])

  struct Echo: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Every connection sends, and waits for its own messages to come back.")

    @OptionGroup var load: LoadOptions
    @OptionGroup(title: "Messages") var messages: MessageOptions
    @OptionGroup(title: "Rate and warm-up") var rate: RateOptions
    @OptionGroup(title: "Handshake and TLS") var handshake: HandshakeOptions

    func validate() throws {
      try handshake.check(load.url)
      try messages.check(with: rate)
    }

    func run() throws {
      var job = LoadJob(.echo, load, handshake, connections: 64)
      messages.apply(to: &job)
      rate.apply(to: &job)
      try job.run()
    }
  }

  struct Broadcast: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "One connection publishes, the others receive.",
      discussion: """
        The server must pass on what comes from one connection to all others. --in-flight \
        messages are published at once, and the next when all have received them.
        """)

    @OptionGroup var load: LoadOptions
    @OptionGroup(title: "Messages") var messages: MessageOptions
    @OptionGroup(title: "Rate and warm-up") var rate: RateOptions
    @OptionGroup(title: "Handshake and TLS") var handshake: HandshakeOptions

    func validate() throws {
      try handshake.check(load.url)
      try messages.check(with: rate)
    }

    func run() throws {
      var job = LoadJob(.broadcast, load, handshake, connections: 500)
      messages.apply(to: &job)
      rate.apply(to: &job)
      try job.run()
    }
  }

  struct Connect: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open connections and close them, so many at a time.",
      discussion: "Latency is that of TCP, TLS and the opening handshake together.")

    @OptionGroup var load: LoadOptions
    @OptionGroup(title: "Rate and warm-up") var rate: RateOptions
    @OptionGroup(title: "Handshake and TLS") var handshake: HandshakeOptions

    func validate() throws {
      try handshake.check(load.url)
    }

    func run() throws {
      var job = LoadJob(.connect, load, handshake, connections: 64)
      rate.apply(to: &job)
      try job.run()
    }
  }

  struct Idle: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open connections and hold them, to see what they take.",
      discussion: """
        Pings are answered. Memory per connection is what the server has grown by since the \
        first hundred, which bring into memory what belongs to none of them.
        """)

    @OptionGroup var load: LoadOptions
    @OptionGroup(title: "Handshake and TLS") var handshake: HandshakeOptions

    func validate() throws {
      try handshake.check(load.url)
    }

    func run() throws {
      try LoadJob(.idle, load, handshake, connections: 10_000).run()
    }
  }
}

import FleetCore
import GatewayWorker
import HTTPCore
import TLS
import Testing
import WebSocketCore

@testable import Configuration
@testable import SluiceCommand

@Suite("What the options make of a worker")
struct ServeConfigurationTests {
  private func configuration(
    _ arguments: [String] = [], file: String? = nil, filesMax: Int = 20_000
  ) throws(Mistakes) -> ServeConfiguration {
    try ServeConfiguration(
      try load(ServeOptions.table, arguments, file: file), filesMax: filesMax)
  }

  private func refusals(
    _ arguments: [String], file: String? = nil, filesMax: Int = 20_000
  ) -> [String] {
    do throws(Mistakes) {
      _ = try configuration(arguments, file: file, filesMax: filesMax)
      return []
    } catch {
      return error.list.map(\.description)
    }
  }

  @Test("without options: the product's defaults")
  func defaults() throws {
    let serve = try configuration()
    var worker = WorkerOptions()
    worker.connectionsMax = 20_000 - 64
    #expect("\(serve.worker)" == "\(worker)")
    #expect(serve.endpoints.map(\.url) == ["http://127.0.0.1:8080/"])
    #expect(serve.eventLoop == .auto)
  }

  @Test("every option reaches the worker")
  func everything() throws {
    let serve = try configuration(
      file: """
        listen = ["127.0.0.1:1", "plain:[::1]:2", "unix:/run/a"]
        event-loop = "epoll"
        tls-certificate = ["a.pem", "b.pem"]
        tls-key = ["a.key", "b.key"]
        tls-min-version = "1.3"
        tls-client-ca = "ca.pem"
        tls-require-client-certificate = true
        trusted-proxy = ["10.0.0.0/8", "unix"]
        forwarded-field = "either"
        proxy-protocol = true
        origin = ["https://a.example"]
        subprotocol = ["chat.v1"]
        max-message-size = 1001
        max-fragments = 1002
        max-messages-per-second = 1003
        max-control-frames-per-second = 1004
        send-queue-limit = 1005
        memory-budget = "2MiB"
        max-connections = 1006
        max-connections-per-address = 1007
        max-handshakes-per-address = 1008
        max-head-size = 1009
        max-header-fields = 1010
        handshake-timeout = "1011ms"
        keep-alive-timeout = "1012ms"
        ping-interval = "1013ms"
        pong-timeout = "1014ms"
        close-timeout = "1015ms"
        drain-window = "1014ms"
        drain-deadline = "1016ms"
        """)
    #expect(
      serve.endpoints.map(\.url) == ["https://127.0.0.1:1/", "http://[::1]:2/", "unix:/run/a"])
    #expect(serve.eventLoop == .epoll)
    let worker = serve.worker
    var tls = TLSConfiguration(certificates: [
      .init(chainFile: "a.pem", keyFile: "a.key"), .init(chainFile: "b.pem", keyFile: "b.key"),
    ])
    tls.minimumVersion = .tls13
    tls.clientCertificates = .required(caFile: "ca.pem")
    #expect(worker.tls == tls)
    #expect(worker.trustedProxies.map(\.description) == ["10.0.0.0/8"])
    #expect(worker.trustsUnixPeers)
    #expect(worker.forwardedFields == .either)
    #expect(worker.expectsProxyHeader)
    #expect(worker.origins == (try OriginPolicy(allowing: ["https://a.example"])))
    #expect(worker.subprotocols == ["chat.v1"])
    #expect(worker.messageLimits.messageBytesMax == 1001)
    #expect(worker.messageLimits.fragmentsMax == 1002)
    #expect(worker.messagesPerSecondMax == 1003)
    #expect(worker.controlFramesPerSecondMax == 1004)
    #expect(worker.sendQueueBytesMax == 1005)
    #expect(worker.memoryBytesMax == 2 << 20)
    #expect(worker.connectionsMax == 1006)
    #expect(worker.connectionsPerAddressMax == 1007)
    #expect(worker.handshakesPerAddressMax == 1008)
    #expect(worker.httpLimits.headBytesMax == 1009)
    #expect(worker.httpLimits.headerFieldsMax == 1010)
    #expect(worker.handshakeMilliseconds == 1011)
    #expect(worker.keepAliveMilliseconds == 1012)
    #expect(worker.pingIntervalMilliseconds == 1013)
    #expect(worker.pongMilliseconds == 1014)
    #expect(worker.closeMilliseconds == 1015)
    #expect(worker.drain.deadlineMilliseconds == 1016)
  }

  @Test("a client CA alone asks, and a key may lie with its certificate")
  func clientCA() throws {
    let serve = try configuration(["--tls-certificate=a.pem", "--tls-client-ca=ca.pem"])
    #expect(serve.worker.tls?.clientCertificates == .requested(caFile: "ca.pem"))
    #expect(serve.worker.tls?.certificates == [.init(chainFile: "a.pem")])
    let plain = try configuration(["--tls-require-client-certificate=false"])
    #expect(plain.worker.tls == nil)
  }

  @Test(
    "options that do not fit together",
    arguments: [
      (["--tls-key=a"], "--tls-key: TLS needs a certificate; set tls-certificate too"),
      (["--tls-client-ca=a"], "--tls-client-ca: TLS needs a certificate; set tls-certificate too"),
      (
        ["--tls-require-client-certificate"],
        "--tls-require-client-certificate: TLS needs a certificate; set tls-certificate too"
      ),
      (
        ["--tls-certificate=a", "--tls-certificate=b", "--tls-key=c"],
        "--tls-key: certificates: 2, but keys: 1; give one key for each certificate, or none when "
          + "the keys lie with them"
      ),
      (
        ["--tls-certificate=a", "--tls-require-client-certificate"],
        "--tls-require-client-certificate: there is nothing to check clients' certificates by; "
          + "set tls-client-ca too"
      ),
      (
        ["--proxy-protocol"],
        "--proxy-protocol: the header is believed from nobody; set trusted-proxy too"
      ),
      (
        ["--max-connections=19937"],
        "--max-connections: 19937 connections need a limit on open files of at least 20001, but it "
          + "is 20000; raise it (ulimit -Hn, or LimitNOFILE= in a systemd unit)"
      ),
    ] as [([String], String)])
  func misfits(arguments: [String], message: String) {
    #expect(refusals(arguments) == [message])
  }

  @Test("all of them are told, each where it stands")
  func several() {
    #expect(
      refusals(["--proxy-protocol"], file: "listen = []\ntls-key = [\"a\"]") == [
        "sluice.toml:2:11: TLS needs a certificate; set tls-certificate too",
        "sluice.toml:1:10: there is nowhere to listen; name an address, or leave listen out",
        "--proxy-protocol: the header is believed from nobody; set trusted-proxy too",
      ])
    #expect(refusals([], filesMax: 10) == [])
  }

  @Test(
    "values that have a form of their own",
    arguments: [
      (
        "listen", "nonsense",
        "'nonsense' is not an address to listen on: the port is missing; addresses are "
          + "127.0.0.1:8080, [::1]:8080 or unix:PATH"
      ),
      (
        "origin", "https://a.example/",
        "'https://a.example/' is not an origin; origins are scheme, host and port, as in "
          + "https://chat.example.org or http://localhost:3000, or * for all"
      ),
      (
        "subprotocol", "a b",
        "'a b' is not a subprotocol's name; names are letters, digits and !#$%&'*+-.^_`|~ (RFC "
          + "6455, 4.1)"
      ),
      (
        "trusted-proxy", "10.0.0.1/8",
        "'10.0.0.1/8' is not a network: the address has bits set after its prefix, as in "
          + "10.0.0.1/8; networks are 10.1.2.3, 10.0.0.0/8, fd00::/8, or unix for Unix sockets"
      ),
      (
        "tls-min-version", "1.1",
        "'1.1' is not a version that there is; it can be 1.2 or 1.3"
      ),
    ] as [(String, String, String)])
  func values(name: String, value: String, message: String) {
    #expect(messages(ServeOptions.table, ["--\(name)", value]) == ["--\(name): \(message)"])
  }
}

internal import ArgumentParser

@main
struct Sluice: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sluice",
    abstract: "A WebSocket gateway for chat and other realtime backends.",
    version: "0.1.0",
    subcommands: [
      Serve.self, StatusCommand.self, DrainCommand.self, RestartCommand.self, ReloadCommand.self,
      ScaleCommand.self, ConnectionsCommand.self, DisconnectCommand.self, Connect.self, Bench.self,
      ConfigCommand.self, WorkerCommand.self,
    ])
}

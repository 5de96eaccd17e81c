import WebSocketCore

// Frames of a client: see `checkMessages`.

func fuzz(_ input: inout FuzzInput) {
  checkMessages(&input, role: .server)
}

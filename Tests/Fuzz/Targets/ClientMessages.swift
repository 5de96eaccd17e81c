import WebSocketCore

// Frames of a server: see `checkMessages`.

func fuzz(_ input: inout FuzzInput) {
  checkMessages(&input, role: .client)
}

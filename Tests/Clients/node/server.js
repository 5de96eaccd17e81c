// A server that tells what each client's handshake has: one line of JSON each, after
// a line with the port. Chooses the last subprotocol that is offered, and echoes.

'use strict';

const { WebSocketServer } = require('ws');

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  handleProtocols: (protocols) => [...protocols].pop(),
});
server.on('listening', () => console.log(server.address().port));
server.on('connection', (socket, request) => {
  console.log(JSON.stringify({ url: request.url, headers: request.headers }));
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('close', (code) => console.log(JSON.stringify({ code })));
});

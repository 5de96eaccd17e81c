// The peer for compare.py: echo and broadcast with node's `ws`, as its README
// writes them. Prints one line with its address once it accepts connections.
//
//     NODE_PATH=/usr/share/nodejs node node_ws_server.js
//
// With TLS_CERTIFICATE and TLS_KEY, names of PEM files, it speaks TLS.

'use strict';

const { readFileSync } = require('fs');
const http = require('http');
const https = require('https');
const { WebSocket, WebSocketServer } = require('ws');

const { TLS_CERTIFICATE: cert, TLS_KEY: key } = process.env;
const server = cert
  ? https.createServer({ cert: readFileSync(cert), key: readFileSync(key) })
  : http.createServer();
const wss = new WebSocketServer({ server, perMessageDeflate: false });

/** Path → its subscribers. */
const channels = new Map();

wss.on('connection', function connection(ws, request) {
  ws.on('error', console.error);

  if (request.url === '/echo') {
    ws.on('message', function message(data, isBinary) {
      ws.send(data, { binary: isBinary });
    });
    return;
  }

  let clients = channels.get(request.url);
  if (clients === undefined) {
    clients = new Set();
    channels.set(request.url, clients);
  }
  clients.add(ws);
  ws.on('close', function close() {
    clients.delete(ws);
    if (clients.size === 0) channels.delete(request.url);
  });
  ws.on('message', function message(data, isBinary) {
    clients.forEach(function each(client) {
      if (client !== ws && client.readyState === WebSocket.OPEN) {
        client.send(data, { binary: isBinary });
      }
    });
  });
});

server.listen(0, '127.0.0.1', () => {
  console.log(`node-ws: listening on ${cert ? 'https' : 'http'}://127.0.0.1:${server.address().port}/`);
});

// What the scripts share: `ws` itself, promises for its events, a deadline.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const WebSocket = require('ws');

const DEADLINE_MS = 15000;
setTimeout(() => {
  console.error('deadline passed');
  process.exit(1);
}, DEADLINE_MS).unref();

// Opens a connection; `next()` then resolves with the next message, which is a
// string if it came as text and a Buffer if not.
async function open(url, protocols, options) {
  const socket = new WebSocket(url, protocols, options);
  const messages = [];
  const waiting = [];
  socket.on('message', (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    if (waiting.length > 0) waiting.shift()(message);
    else messages.push(message);
  });
  socket.next = () =>
    messages.length > 0
      ? Promise.resolve(messages.shift())
      : new Promise((resolve) => waiting.push(resolve));
  socket.closed = new Promise((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await once(socket, 'open');
  return socket;
}

// The status of a refused handshake.
function refusal(url, protocols, options) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols, options);
    socket.on('open', () => reject(new Error(`${url} was accepted`)));
    socket.on('unexpected-response', (request, response) => {
      resolve(response.statusCode);
      request.destroy();
    });
    socket.on('error', () => {});
  });
}

// Runs a script's body; any rejection is a failure.
function main(body) {
  body(...process.argv.slice(2)).then(
    () => process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

module.exports = { assert, main, once, open, refusal, WebSocket };

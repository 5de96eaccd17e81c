// Connects, prints "open", and then the close code that it sees.
'use strict';
const { main, open } = require('./helpers.js');

main(async (base) => {
  const socket = await open(`${base}/channels/wait`);
  socket.on('error', () => {});
  console.log('open');
  console.log((await socket.closed).code);
});

// What the programs of Node say: a line of JSON for each operation.
'use strict';

const fs = require('fs');

const ground = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const SECONDS = 20;

// Says whether `work` did the operation, for each client that took part.
async function attempt(operation, clients, work) {
  let words = '';
  try {
    await work();
  } catch (error) {
    console.error(error);
    words = `${error.name}: ${error.message}` || 'failed';
  }
  for (const client of [clients].flat()) {
    console.log(JSON.stringify({ client, operation, ok: words === '', words }));
  }
}

// Asks for a cloud-to-device message.
function wish(device) {
  console.log(JSON.stringify({ 'message for': device }));
}

// What a promise gives, or a failure after some seconds.
async function soon(promise, seconds = SECONDS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Runs a program to its end, whatever its clients leave open.
function run(main) {
  process.on('beforeExit', () => {
    console.error('nothing more will happen, and the program waits for it');
    process.exit(1);
  });
  main().then(
    () => process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

module.exports = { ground, attempt, wish, soon, run };

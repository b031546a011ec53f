// Calls the npm packages for pytest: one JSON command per line in, one JSON answer per line out.
//
// {service: "cstore"|"r1fs"|"auth", call, args, options} -> {result} or {error: {name, message, code, status}}
// Bytes travel as {base64: "…"}, both ways. A result that is undefined is left out of the answer.
'use strict';

const readline = require('node:readline');
const { default: createEdgeSdk } = require('@ratio1/edge-sdk-ts');
const { CStoreAuth, createDefaultCStoreClient } = require('@ratio1/cstore-auth-ts');

const SERVICES = {
  cstore: (options) => createEdgeSdk(options).cstore,
  r1fs: (options) => createEdgeSdk(options).r1fs,
  auth: ({ hkey, secret, ...sdk }) =>
    new CStoreAuth({ client: createDefaultCStoreClient(sdk), hkey, secret }).simple,
};

function revive(_name, value) {
  const bytes = value && typeof value === 'object' && typeof value.base64 === 'string';
  return bytes ? Buffer.from(value.base64, 'base64') : value;
}

// getFile answers a fetch Response where the server streams the file's bytes.
async function plain(result) {
  if (typeof result?.arrayBuffer !== 'function') return result;
  return {
    type: result.headers.get('content-type'),
    meta: result.headers.get('x-meta'),
    base64: Buffer.from(await result.arrayBuffer()).toString('base64'),
  };
}

async function answer(line) {
  try {
    const { service, call, args, options } = JSON.parse(line, revive);
    return { result: await plain(await SERVICES[service](options)[call](...args)) };
  } catch ({ name, message, code, response }) {
    return { error: { name, message, code, status: response?.status } };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
  }
}

console.log = console.info = console.debug = console.error; // answers alone go to stdout
main();

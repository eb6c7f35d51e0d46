/** Loaded by NODE_OPTIONS: the listener library cannot be found, as after an installation for another Node version. */
const Module = require('node:module');

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (name, ...rest) {
  if (name.startsWith('@uwsjs/')) throw new Error(`Cannot find module '${name}'`);
  return resolveFilename.call(this, name, ...rest);
};

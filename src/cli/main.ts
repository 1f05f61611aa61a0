#!/usr/bin/env node
/** `kubectl mtlsrollout`: the process around one call of the plugin. */
import { systemClock } from '../cluster/clock.ts';
import { run } from './command.ts';

// whoever reads may stop early, as `head` does
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await run(process.argv.slice(2), {
  clock: systemClock,
  print: text => void process.stdout.write(text),
  complain: text => void process.stderr.write(text),
  width: process.stdout.isTTY ? process.stdout.columns : undefined,
});

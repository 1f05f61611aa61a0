/** Loaded into the operator that is measured: tells, when asked, how late its event loop was since the last question. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 10;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();

/** What is recorded is the time between two ticks, in nanoseconds: being on time is one resolution. */
const late = nanoseconds => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);

process.on('message', () => {
  process.send({ p99: late(delay.percentile(99)), max: late(delay.max) });
  delay.reset();
});
// it does not outlive its parent
process.on('disconnect', () => process.exit());
// the channel alone must not keep the process alive
process.channel.unref();

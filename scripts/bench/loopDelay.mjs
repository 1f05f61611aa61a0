/** Loaded into the operator that is measured: tells, when asked, how late its event loop was since the last question. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
process.on('message', () => {
  process.send({ p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 });
  delay.reset();
});
// it does not outlive its parent
process.on('disconnect', () => process.exit());
// the channel alone must not keep the process alive
process.channel.unref();

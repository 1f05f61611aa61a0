/** From the start of the operator's process until it knows the cluster and says that it is ready. */
import { type Figure, spread } from './figure.ts';
import type { Bundle } from './operatorProcess.ts';
import { ServerProcess } from './serverProcess.ts';

const RUNS = 5;

export async function startUp(bundle: Bundle): Promise<Figure[]> {
  const server = await ServerProcess.start();
  await server.order({ kind: 'Namespaces', count: 11 });
  const starts = async (how: { compileCache?: boolean }) => {
    const times: number[] = [];
    const memory: number[] = [];
    for (let run = 0; run <= RUNS; run++) {
      const operator = await bundle.start(server.kubeconfig, {}, how);
      // the first run fills the caches of disk and Node
      if (run > 0) times.push(operator.readyAfter);
      if (run > 0) memory.push(operator.memory());
      await operator.stop();
    }
    return { times, memory };
  };
  const plain = await starts({});
  const cached = await starts({ compileCache: true });
  await server.stop();
  return [
    { name: 'start to ready', value: `${spread(plain.times, 0)} ms`, remark: `${RUNS} starts: median (least to most)` },
    { name: 'with a compile cache', value: `${spread(cached.times, 0)} ms`, remark: 'NODE_COMPILE_CACHE' },
    { name: 'memory when ready', value: `${spread(plain.memory, 0)} MiB` },
  ];
}

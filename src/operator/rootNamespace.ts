/** Which namespace is the mesh's root: decisions cannot begin without it, so it is asked for until it is known. */
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import type { Log } from '../cluster/log.ts';
import { readMeshConfiguration } from '../cluster/meshConfiguration.ts';
import type { Settings } from './settings.ts';

/** Between two tries. */
const RETRY_MS = 5_000;

/** From the settings, or from the mesh configuration as soon as it can be read. Rejects only when the signal fires. */
export async function learnRootNamespace(
  client: KubeClient,
  { settings, log, clock }: { settings: Settings; log: Log; clock: Clock },
  signal: AbortSignal,
): Promise<string> {
  if (settings.rootNamespace !== undefined) return settings.rootNamespace;
  for (let said = ''; ; ) {
    signal.throwIfAborted();
    try {
      const { rootNamespace, source } = await readMeshConfiguration(client, settings.istioNamespace, signal);
      log.info('mesh root namespace', { rootNamespace, source });
      return rootNamespace;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      // once for each problem, not for each try
      if (problem !== said) log.warn('cannot read the mesh configuration yet', { error: problem });
      said = problem;
      await clock.wait(RETRY_MS, signal);
    }
  }
}

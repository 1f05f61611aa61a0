/** What decisions cannot begin without: which namespace is the mesh's root, and how long its proxies drain. */
import { formatDuration } from '../api/duration.ts';
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import type { Log } from '../cluster/log.ts';
import { readMeshConfiguration } from '../cluster/meshConfiguration.ts';
import { DEFAULT_MESH } from '../istio/inventory/inventory.ts';
import type { Settings } from './settings.ts';

/** Between two tries. */
const RETRY_MS = 5_000;

export interface MeshFacts {
  rootNamespace: string;
  drainMs: number;
}

/**
 * From the mesh configuration, as soon as it can be read; with a root namespace in the settings it is read once, and may
 * be out of reach. Rejects only when the signal fires.
 */
export async function learnMeshFacts(
  client: KubeClient,
  { settings, log, clock }: { settings: Settings; log: Log; clock: Clock },
  signal: AbortSignal,
): Promise<MeshFacts> {
  for (let said = ''; ; ) {
    signal.throwIfAborted();
    try {
      const {
        rootNamespace: read,
        source,
        mesh,
      } = await readMeshConfiguration(client, settings.istioNamespace, signal);
      const rootNamespace = settings.rootNamespace ?? read;
      const { drainMs } = mesh;
      log.info('mesh root namespace', {
        rootNamespace,
        source: settings.rootNamespace ? 'settings' : source,
        drain: formatDuration(drainMs),
      });
      return { rootNamespace, drainMs };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      // once for each problem, not for each try
      if (problem !== said) log.warn('cannot read the mesh configuration yet', { error: problem });
      said = problem;
      if (settings.rootNamespace !== undefined)
        return { rootNamespace: settings.rootNamespace, drainMs: DEFAULT_MESH.drainMs };
      await clock.wait(RETRY_MS, signal);
    }
  }
}

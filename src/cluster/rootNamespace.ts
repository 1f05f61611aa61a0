/** Where the mesh-wide policies live: what the mesh configuration says, or Istio's default. */
import { loadAll } from 'js-yaml';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import type { Resource } from './resource.ts';

const CONFIG_MAPS: Resource = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true };
/** `meshConfig.rootNamespace` when nothing is said. */
const DEFAULT_ROOT = 'istio-system';

export interface RootNamespace {
  name: string;
  /** Where that comes from, for the log. */
  source: string;
}

/** Rejects with a KubeError when the mesh configuration is there and cannot be read. */
export async function findRootNamespace(
  client: KubeClient,
  istioNamespace: string,
  signal?: AbortSignal,
): Promise<RootNamespace> {
  const where = `ConfigMap ${istioNamespace}/istio`;
  try {
    const map = await client.get({ resource: CONFIG_MAPS, namespace: istioNamespace, name: 'istio' }, signal);
    const { mesh = '' } = (map['data'] ?? {}) as { mesh?: string };
    const name = rootIn(mesh, where);
    return name === undefined
      ? { name: DEFAULT_ROOT, source: `Istio's default; ${where} does not say` }
      : { name, source: where };
  } catch (error) {
    if (!(error instanceof KubeError) || error.kind !== 'NotFound') throw error;
    return { name: DEFAULT_ROOT, source: `Istio's default; there is no ${where}` };
  }
}

function rootIn(mesh: string, where: string): string | undefined {
  let documents: unknown[];
  try {
    documents = loadAll(mesh);
  } catch (cause) {
    throw new KubeError('Invalid', `the mesh configuration in ${where}, key mesh, is not valid YAML`, { cause });
  }
  const { rootNamespace } = (documents[0] ?? {}) as { rootNamespace?: unknown };
  return typeof rootNamespace === 'string' && rootNamespace !== '' ? rootNamespace : undefined;
}

/** The mesh configuration: what the ConfigMaps of the control plane say, each revision with its own. */
import { loadAll } from 'js-yaml';
import { DURATION_PATTERN, parseDuration } from '../api/duration.ts';
import { fieldsOf, textOf } from '../istio/fields.ts';
import { DEFAULT_MESH } from '../istio/inventory/inventory.ts';
import type { MeshSettings } from '../istio/inventory/shapes.ts';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import type { KubeObject } from './resource.ts';
import { CONFIG_MAPS } from './resources.ts';

const INJECTOR = 'istio-sidecar-injector';
/** `meshConfig.rootNamespace` when nothing is said. */
const DEFAULT_ROOT = 'istio-system';

export interface ConfigMap {
  name: string;
  data: Readonly<Record<string, unknown>>;
}

export interface MeshConfiguration {
  mesh: MeshSettings;
  rootNamespace: string;
  /** Where the root namespace comes from, for the log. */
  source: string;
}

/** Rejects with a KubeError when the mesh configuration is there and cannot be read. */
export async function readMeshConfiguration(
  client: KubeClient,
  istioNamespace: string,
  signal?: AbortSignal,
): Promise<MeshConfiguration> {
  const maps: ConfigMap[] = [];
  for await (const raw of client.list(CONFIG_MAPS, { namespace: istioNamespace, signal })) {
    const map = configMapOf(raw);
    if (isMeshConfiguration(map) || isInjector(map)) maps.push(map);
  }
  return parseMeshConfiguration(maps, istioNamespace);
}

export function configMapOf({ metadata, data }: KubeObject): ConfigMap {
  return { name: metadata.name, data: fieldsOf(data) };
}

/**
 * The settings in the ConfigMaps `istio`, `istio-<revision>` and `istio-sidecar-injector…`; others are passed over.
 * The default revision counts where it is there, else the first one by name. Throws KubeError Invalid for a
 * configuration that is not YAML.
 */
export function parseMeshConfiguration(maps: readonly ConfigMap[], istioNamespace: string): MeshConfiguration {
  const found = maps
    .filter(isMeshConfiguration)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, data }) => ({
      name,
      revision: name.slice('istio-'.length),
      settings: parsed(textOf(data['mesh']), `ConfigMap ${istioNamespace}/${name}, key mesh,`),
    }));
  const roots = new Map(
    found.map(({ revision, settings }) => [revision, textOf(settings['rootNamespace']) || DEFAULT_ROOT]),
  );
  // `istio` sorts before every `istio-<revision>`
  const [first] = found;
  const injector = maps.filter(isInjector).toSorted((a, b) => (a.name < b.name ? -1 : 1))[0];
  const mesh = { ...meshSettings(first?.settings ?? {}), roots, rewriteAppHttpProbe: rewritesProbes(injector) };
  if (!first)
    return {
      mesh,
      rootNamespace: DEFAULT_ROOT,
      source: `Istio's default; there is no ConfigMap ${istioNamespace}/istio`,
    };
  const where = `ConfigMap ${istioNamespace}/${first.name}`;
  const isSaid = textOf(first.settings['rootNamespace']) !== '';
  return {
    mesh,
    rootNamespace: roots.get(first.revision) ?? DEFAULT_ROOT,
    source: isSaid ? where : `Istio's default; ${where} does not say`,
  };
}

function isMeshConfiguration({ name, data }: ConfigMap): boolean {
  return (name === 'istio' || name.startsWith('istio-')) && typeof data['mesh'] === 'string';
}

function isInjector({ name }: ConfigMap): boolean {
  return name === INJECTOR || name.startsWith(`${INJECTOR}-`);
}

function meshSettings(settings: Readonly<Record<string, unknown>>): MeshSettings {
  const truth = (value: unknown, fallback: boolean) => (typeof value === 'boolean' ? value : fallback);
  const { discoverySelectors } = settings;
  const proxy = fieldsOf(settings['defaultConfig']);
  return {
    ...DEFAULT_MESH,
    enableAutoMtls: truth(settings['enableAutoMtls'], DEFAULT_MESH.enableAutoMtls),
    enablePrometheusMerge: truth(settings['enablePrometheusMerge'], DEFAULT_MESH.enablePrometheusMerge),
    trustDomain: textOf(settings['trustDomain']) || DEFAULT_MESH.trustDomain,
    outboundMode: textOf(fieldsOf(settings['outboundTrafficPolicy'])['mode']) || DEFAULT_MESH.outboundMode,
    holdApplicationUntilProxyStarts: proxy['holdApplicationUntilProxyStarts'] === true,
    drainMs: durationOf(proxy['drainDuration']) ?? DEFAULT_MESH.drainMs,
    discoverySelectors: Array.isArray(discoverySelectors)
      ? (discoverySelectors as MeshSettings['discoverySelectors'])
      : DEFAULT_MESH.discoverySelectors,
  };
}

/** As `45s` or `1m30s`; undefined for what is none. */
function durationOf(value: unknown): number | undefined {
  const text = textOf(value);
  return DURATION_PATTERN.test(text) ? parseDuration(text) : undefined;
}

function rewritesProbes(injector: ConfigMap | undefined): boolean {
  const values = parsed(textOf(injector?.data['values']), `ConfigMap ${injector?.name ?? INJECTOR}, key values,`);
  return fieldsOf(values['sidecarInjectorWebhook'])['rewriteAppHTTPProbe'] !== false;
}

function parsed(text: string, where: string): Readonly<Record<string, unknown>> {
  try {
    return fieldsOf(loadAll(text)[0]);
  } catch (cause) {
    throw new KubeError('Invalid', `the mesh configuration in ${where} is not valid YAML`, { cause });
  }
}

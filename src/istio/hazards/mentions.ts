/**
 * Which Services pods name in their environment, commands and arguments. A name says that a call is likely, not that
 * there is one; values from ConfigMaps and Secrets are not seen at all.
 */
import type { Inventory } from '../inventory/inventory.ts';
import type { SeenPod, SeenService } from '../inventory/shapes.ts';
import { selects } from '../policies.ts';
import { path } from './wording.ts';

export interface Mention {
  pod: SeenPod;
  /** By a container that runs to its end before the others start. */
  init: boolean;
  /** As it is written, such as `cart.shop:8080`. */
  text: string;
  /** Undefined where the name stands alone. */
  port: number | undefined;
}

/** By namespace and name of the Service. */
type Mentions = ReadonlyMap<string, readonly Mention[]>;

const KNOWN = new WeakMap<Inventory, Mentions>();
const NONE: readonly Mention[] = [];

export function mentionsOf(inventory: Inventory, service: SeenService): readonly Mention[] {
  const known = KNOWN.get(inventory) ?? allMentions(inventory);
  KNOWN.set(inventory, known);
  return known.get(path(service)) ?? NONE;
}

function allMentions({ pods, services }: Inventory): Mentions {
  const byPath = new Map([...services.values()].flat().map(service => [path(service), service]));
  const mentions = new Map<string, Mention[]>();
  // replicas say the same, and so do workloads of one make
  const parsed = new Map<string, readonly Host[]>();
  const hostsOf = (text: string) => {
    const hosts = parsed.get(text) ?? hostsIn(text);
    parsed.set(text, hosts);
    return hosts;
  };
  const take = (pod: SeenPod, init: boolean, { text, name, namespace, port }: Host) => {
    const key = path({ namespace: namespace ?? pod.namespace, name });
    const service = byPath.get(key);
    if (!service || (text === name && isOwn(pod, service))) return;
    const list = mentions.get(key);
    if (list) list.push({ pod, init, text, port });
    else mentions.set(key, [{ pod, init, text, port }]);
  };
  for (const pod of [...pods.values()].flat())
    for (const { init, texts } of pod.containers)
      for (const text of texts) for (const host of hostsOf(text)) take(pod, init, host);
  return mentions;
}

/** Workloads often carry their own name, as that of the application. */
function isOwn({ namespace, labels }: SeenPod, service: SeenService): boolean {
  const { selector } = service;
  return namespace === service.namespace && Object.keys(selector).length > 0 && selects(selector, labels);
}

/** What may be the name of a Service. */
interface Host {
  name: string;
  /** Undefined: that of whoever says so. */
  namespace: string | undefined;
  text: string;
  port: number | undefined;
}

/** Names that somebody has written into a certificate are not called. */
const FOR_A_CERTIFICATE = /^--?(host|hosts|hostname|hostnames|dns-names?|sans?|common-name|cn)=/;
const WORD = /[\w.-]+/g;
const NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
const PORT = /:([0-9]{1,5})(?![\w.@-])/y;

function hostsIn(text: string): Host[] {
  if (FOR_A_CERTIFICATE.test(text) && !/:[0-9]/.test(text)) return [];
  return [...text.matchAll(WORD)].flatMap(({ 0: word, index }) => {
    const host = word.endsWith('.') ? word.slice(0, -1) : word;
    const end = index + word.length;
    const before = text.slice(Math.max(0, index - 8), index);
    // a step of a path, the user of an address and the key of a setting are no hosts
    if (!NAME.test(host) || (before.endsWith('/') && !before.endsWith('//')) || /[@=(]/.test(text[end] ?? ''))
      return [];
    PORT.lastIndex = end;
    const port = PORT.exec(text)?.[1];
    if (port === undefined && text[end] === ':') return [];
    const service =
      serviceBy(host) ?? (isAddress(text, before, port) ? { name: host, namespace: undefined } : undefined);
    if (!service) return [];
    return [{ ...service, text: port ? `${host}:${port}` : host, port: port ? Number(port) : defaultPort(before) }];
  });
}

/** `cart.shop`, `cart.shop.svc`, and pods of a headless Service in front of the latter. */
function serviceBy(host: string): Pick<Host, 'name' | 'namespace'> | undefined {
  const parts = host.replace(/\.svc\.cluster\.local$/, '.svc').split('.');
  const isFull = parts.length > 2 && parts.at(-1) === 'svc';
  const [name, namespace] = isFull ? parts.slice(-3) : parts;
  return name && namespace && (isFull || parts.length === 2) ? { name, namespace } : undefined;
}

/** Whether a name without dots stands where only a host can: in a URL, before a port, or all alone. */
function isAddress(text: string, before: string, port: string | undefined): boolean {
  const isAlone = before === '' && /^[a-z0-9-]+$/.test(text);
  return port !== undefined || isAlone || /:\/\/\/?$/.test(before) || (before.endsWith('@') && text.includes('://'));
}

function defaultPort(before: string): number | undefined {
  if (before.endsWith('http://')) return 80;
  return before.endsWith('https://') ? 443 : undefined;
}

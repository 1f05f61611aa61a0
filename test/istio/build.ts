/** Short forms of the objects that the tables of the tests are made of. */
import type { ClientTlsMode, DestinationRule, PeerAuthentication, PolicyMode } from '../../src/istio/objects.ts';

/** `shop/one@3`: namespace, name and second of creation. */
export type Id = `${string}/${string}@${number}`;

function metadataOf(id: Id) {
  const [namespace = '', name = '', second = '0'] = id.split(/[/@]/);
  return { namespace, name, creationTimestamp: new Date(Number(second) * 1000).toISOString() };
}

/** A policy; without mode it has no `mtls` at all. */
export function policy(
  id: Id,
  mode?: PolicyMode,
  selector?: Record<string, string>,
  ports?: Record<number, PolicyMode | undefined>,
): PeerAuthentication {
  const settings = Object.entries(ports ?? {}).map(([port, of]) => [port, of ? { mode: of } : {}]);
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: metadataOf(id),
    spec: {
      ...(selector && { selector: { matchLabels: selector } }),
      ...(mode && { mtls: { mode } }),
      ...(ports && { portLevelMtls: Object.fromEntries(settings) }),
    },
  };
}

/** A rule; `tls` alone makes the simplest traffic policy, `more` replaces or adds parts of the spec. */
export function rule(
  id: Id,
  host: string,
  tls?: ClientTlsMode,
  more: Partial<DestinationRule['spec']> = {},
): DestinationRule {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: metadataOf(id),
    spec: { host, ...(tls && { trafficPolicy: { tls: { mode: tls } } }), ...more },
  };
}

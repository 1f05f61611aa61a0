/** A resource for tests, its objects, and the lines of its watch. */
import type { KubeObject, Resource } from '../../src/cluster/resource.ts';

export const WIDGETS: Resource = {
  group: 'example.io',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
};

/** `shop/a` of this version; the uid is the name's unless given. */
export function widget(name: string, version: number, size: string, uid = `uid-${name}`): KubeObject {
  return {
    apiVersion: 'example.io/v1',
    kind: 'Widget',
    metadata: { name, namespace: 'shop', uid, resourceVersion: String(version), managedFields: [] },
    spec: { size, ballast: 'x'.repeat(100) },
  };
}

export interface Size {
  name: string;
  size: string;
  version: string;
}

/** What the tests keep of a widget. */
export function sizeOf(raw: KubeObject): Size {
  const { size } = raw['spec'] as { size: string };
  return { name: raw.metadata.name, size, version: raw.metadata.resourceVersion };
}

export function listOf(version: number, items: KubeObject[], next?: string): object {
  const metadata = { resourceVersion: String(version), ...(next === undefined ? {} : { continue: next }) };
  return { apiVersion: 'example.io/v1', kind: 'WidgetList', metadata, items };
}

export function line(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): string {
  return `${JSON.stringify({ type, object })}\n`;
}

export function bookmark(version: number): string {
  return `${JSON.stringify({ type: 'BOOKMARK', object: { kind: 'Widget', metadata: { resourceVersion: String(version) } } })}\n`;
}

export function errorLine(code: number, reason: string): string {
  const object = { kind: 'Status', status: 'Failure', code, reason, message: reason };
  return `${JSON.stringify({ type: 'ERROR', object })}\n`;
}

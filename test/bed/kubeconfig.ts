/** Writes kubeconfig files. JSON is YAML too, so every reader takes them. */
import { writeFileSync } from 'node:fs';
import type { Access } from './transport.ts';

export function writeKubeconfig(file: string, access: Access): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const user = {
    ...(access.token === undefined ? {} : { token: access.token }),
    ...(access.cert === undefined ? {} : { 'client-certificate-data': base64(access.cert) }),
    ...(access.key === undefined ? {} : { 'client-key-data': base64(access.key) }),
  };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bed', cluster: { server: access.server, 'certificate-authority-data': base64(access.ca) } }],
    users: [{ name: 'bed', user }],
    contexts: [{ name: 'bed', context: { cluster: 'bed', user: 'bed' } }],
    'current-context': 'bed',
  };
  writeFileSync(file, JSON.stringify(config, undefined, 2), { mode: 0o600 });
  return file;
}
